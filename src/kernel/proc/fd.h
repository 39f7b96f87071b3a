/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of a process: /proc/PID/fd and /proc/PID/fdinfo. */
#ifndef KERNEL_PROC_FD_H
#define KERNEL_PROC_FD_H

#include "kernel/proc/proc.h"

/* As the kernel shows it in an open file's flags; the C library's macro is 0. */
#if defined(__aarch64__)
#define KERNEL_O_LARGEFILE 0400000
#else
#define KERNEL_O_LARGEFILE 0100000
#endif

struct proc_fds {
	int *fds; /* ascending */
	size_t n;
};
/* Of a process or a thread (a thread may have a table of its own, CLONE_FILES not set). */
int proc_fds(const struct proc *p, struct arena *a, struct proc_fds *ret, struct err *err);

struct proc_fdinfo {
	int64_t pos;
	uint32_t flags; /* O_*, O_CLOEXEC is the descriptor's own; O_LARGEFILE as the kernel shows
			   it */
	int32_t mnt_id; /* -1 before Linux 3.15 */
	uint64_t ino;	/* 0 before Linux 5.14 */
	/* All lines of the file but these four, raw, each ended by a newline: class-specific ones
	 * (eventfd-count, tfd, lock, inotify, sigmask, clockid …). Ends with a NUL; in the arena. */
	char *text;
	size_t text_len;
};
int proc_fdinfo(const struct proc *p, int fd, struct arena *a, struct proc_fdinfo *ret,
		struct err *err);
int proc_fdinfo_parse(struct arena *a, const char *text, size_t len, struct proc_fdinfo *ret);

/* Walks "key: value" lines of a text: *pos starts at 0; false at the end. The value has its leading
 * blanks removed and is not NUL terminated; a line without a colon has an empty key. */
bool proc_next_line(const char *text, size_t len, size_t *pos, const char **ret_key,
		    size_t *ret_key_len, const char **ret_value, size_t *ret_value_len);
/* The value of the first line with this key, as a number in base 8, 10 or 16 (16 may have "0x");
 * -ENOENT, or -EBADMSG when it is no number. */
int proc_fdinfo_num(const struct proc_fdinfo *info, const char *key, int base, uint64_t *ret);
/* The kernel's own number of the object, which no other living one of its kind has; 0: it tells
 * none. */
uint64_t proc_fdinfo_object(const struct proc_fdinfo *info);

/* One "lock:" line: "lock:\t1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 0 EOF". */
struct proc_lock {
	enum {
		LOCK_KIND_FLOCK,
		LOCK_KIND_POSIX,
		LOCK_KIND_OFD,
		LOCK_KIND_LEASE,
		LOCK_KIND_DELEG
	} kind;
	enum { LOCK_HOW_READ, LOCK_HOW_WRITE, LOCK_HOW_UNLOCK } how;
	bool mandatory;	       /* MANDATORY; a lease: BREAKING */
	bool breaking, broken; /* leases */
	int64_t pid;	       /* as the reader sees it; -1 for OFD locks, 0: out of sight */
	uint32_t major, minor;
	uint64_t ino;
	int64_t start, end; /* end -1: to the end of file */
};
/* text: the value behind "lock:". */
int proc_lock_parse(const char *text, size_t len, struct proc_lock *ret);

#endif
