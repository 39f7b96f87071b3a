/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mountinfo. */
#ifndef KERNEL_PROC_MOUNTINFO_H
#define KERNEL_PROC_MOUNTINFO_H

#include "kernel/proc/proc.h"

struct proc_mount {
	int32_t id, parent;
	uint32_t major, minor;
	const char *root; /* unescaped, without "//deleted" */
	bool root_deleted;
	const char *point; /* seen from the process' root */
	uint64_t flags;	   /* MS_* of the mount: ro nosuid nodev noexec noatime nodiratime relatime
			      nosymfollow */
	const char *options;			/* the same as text */
	int32_t shared, master, propagate_from; /* peer group ids, 0: none */
	bool unbindable;
	const char *fstype;	   /* "fuse.sshfs": with its subtype */
	const char *source;	   /* unescaped; "" or "none" as shown */
	const char *super_options; /* raw, still escaped: commas and '\054' separate differently */
	uint64_t super_flags;	   /* MS_* of the superblock: ro sync dirsync mand lazytime */
};
struct proc_mounts {
	struct proc_mount *mounts; /* in the file's order: a parent may follow its child */
	size_t n;
};
int proc_mountinfo(const struct proc *p, struct arena *a, struct proc_mounts *ret, struct err *err);
int proc_mountinfo_parse(struct arena *a, const char *text, size_t len, struct proc_mounts *ret);

/* Undoes the octal escapes (\040 \011 \012 \134 \043) of seq_file in place; returns the new length.
 */
size_t proc_unescape(char *text, size_t len);

#endif
