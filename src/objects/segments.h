/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is a file without a name: memfd, shared anonymous memory, shared /dev/zero, on small
 * or huge pages. All are inodes of the kernel's own tmpfs or hugetlbfs mounts, and CRIU's images
 * call all of them memfd: one entry an inode in memfd.img, one file an open description or
 * mapping that leads to it, contents once in pagemap-shmem. objects/memory/segment*.c keeps the
 * inodes; descriptors (objects/file/memfd.c) and mappings (objects/memory/memfd.c) refer to them.
 */
#ifndef OBJECTS_SEGMENTS_H
#define OBJECTS_SEGMENTS_H

#include "model/dump.h"
#include "model/restore.h"

/* --- dump ------------------------------------------------------------------------------------- */

/* Does the device belong to the kernel's own tmpfs? */
bool segment_is_shmem(uint32_t major, uint32_t minor);
/* Is it an attached SysV segment, and no file whose name only looks like one's? */
bool segment_is_sysv(const struct proc_area *a);
bool segment_matches(const struct file_probe *p);
/* The inode that the probe leads to; *ret_id is its inode_id. */
int segment_collect(struct dump *d, const struct file_probe *p, uint32_t *ret_id);
/* memfd.img */
int segments_write(struct dump *d);
/* The contents of all, and of SysV segments that go with the tree. */
int segments_write_pages(struct dump *d);

/* --- restore ---------------------------------------------------------------------------------- */

struct segment_in;
/* NULL: memfd.img has none. err is filled only when the image can't be read. */
int segment_find(struct restore *r, uint32_t inode_id, struct segment_in **ret);
/* NULL: it is no memfd. */
const char *segment_memfd_name(const struct segment_in *s);
/* Before the first fork: a service descriptor of what all that lead to it shall lead to instead. */
void segment_replace(struct segment_in *s, int fd);
bool segment_is_replaced(const struct segment_in *s);
/* In any task once its forker has passed share: a new description of the segment. */
int segment_open(struct restore_task *t, uint32_t inode_id, int flags, int *ret_fd);

#endif
