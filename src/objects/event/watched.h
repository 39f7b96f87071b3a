/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a mark of inotify or fanotify is on: which they are, and how they are found again. */
#ifndef OBJECTS_EVENT_WATCHED_H
#define OBJECTS_EVENT_WATCHED_H

#include "kernel/proc/mountinfo.h"
#include "objects/class.h"

#define DEV_OF(major, minor) ((major) << 20 | (minor)) /* a device as the kernel itself holds it */

/* What a line of fdinfo says of one: "ino:2a sdev:800013 … fhandle-bytes:8 fhandle-type:1
 * f_handle:…". 0, or -errno without an error filled: -EBADMSG, the line is another one;
 * -EOPNOTSUPP, the kernel shows no handle. */
int watched_parse(struct dump *d, const char *line, size_t len, uint64_t *ret_ino,
		  uint32_t *ret_dev, FhEntry **ret);
/* When the descriptors of all tasks are known: fills the path. 0, or -errno without an error
 * filled: -ENOENT, no mount shows it; -ESTALE, its name is gone, and no task has it open … */
int watched_find(struct dump *d, FhEntry *e, uint64_t ino, uint32_t dev);
/* The same as a part of a sentence: "is on a file that …". */
const char *watched_why_not(int found);
/* Watches are given back when the tree stands, by a descriptor of a task: refuses those of a group
 * that is nothing but on its way in a unix socket. */
void watched_judge_flight(const struct file_probe *p, bool any);
/* The path of an entry of the images, which leads to that very file. NULL: there is none; *ret_why
 * says so. dev: as in fdinfo. */
const char *watched_path(struct restore *r, const FhEntry *e, uint64_t ino, uint32_t dev,
			 const char **ret_why);
/* Is it a descriptor or working folder of a task of the tree: a link to be followed, which is there
 * when the programs of all tasks have ended? */
bool watched_by_link(const char *path);

/* The tool's mounts, read once a run; priv: of the run. None if that fails. */
const struct proc_mounts *watched_mounts(struct arena *a, void **priv);
/* Fills the path of the mount with the number that stands in the entry, or of one of the device.
 * -ENOENT: none leads there. */
int watched_find_mount(struct dump *d, FanotifyMountMarkEntry *e, uint32_t dev);
/* The path of an entry of the images, at which something is mounted. NULL: there is none; *ret_why
 * says so. */
const char *watched_mount_path(struct restore *r, const FanotifyMountMarkEntry *e,
			       const char **ret_why);

#endif
