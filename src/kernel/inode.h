/* SPDX-License-Identifier: Apache-2.0 */
/* statx(2) as stat(2) with the inode's flags (chattr) beside it: one call in place of two. */
#ifndef KERNEL_INODE_H
#define KERNEL_INODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Name and flags as of fstatat(2). STATX_ATTR_* in *ret_attributes. -1, and errno. */
int inode_stat(int dir, const char *name, int flags, struct stat *ret, uint64_t *ret_attributes);

/* The C library's access(2) is faccessat2(2) first, which filters of containers answer with EPERM. */
bool inode_exists(int dir, const char *name);

#endif
