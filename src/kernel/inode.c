/* SPDX-License-Identifier: Apache-2.0 */
/* See inode.h. */
#include "kernel/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

static struct timespec time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ t->tv_sec, t->tv_nsec };
}

int inode_stat(int dir, const char *name, int flags, struct stat *ret, uint64_t *ret_attributes)
{
	struct statx x;

	/* fstatat(2) mounts nothing either. */
	if (statx(dir, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) < 0) {
		*ret_attributes = 0;
		/* Filters of containers know fstatat(2), and not always its successor. */
		return errno == EPERM || errno == ENOSYS ? fstatat(dir, name, ret, flags) : -1;
	}
	*ret = (struct stat){
		.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.st_ino = x.stx_ino,
		.st_nlink = x.stx_nlink,
		.st_mode = x.stx_mode,
		.st_uid = x.stx_uid,
		.st_gid = x.stx_gid,
		.st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
		.st_size = x.stx_size,
		.st_blksize = x.stx_blksize,
		.st_blocks = x.stx_blocks,
		.st_atim = time_of(&x.stx_atime),
		.st_mtim = time_of(&x.stx_mtime),
		.st_ctim = time_of(&x.stx_ctime),
	};
	*ret_attributes = x.stx_attributes;
	return 0;
}

bool inode_exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0;
}
