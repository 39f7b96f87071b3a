/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unlinked file has two blocks of data with a hole of 1 GiB between them. The ghost limit is
 * about what the file really takes, so that the dump isn't refused; size, allocated blocks, data
 * and the exact bounds of the hole are kept.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { BLOCK = 4096 };
static const off_t far = BLOCK + (1L << 30);

int main(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	struct stat before, after;
	char buf[BLOCK];

	wl_try(unlink("file"));
	wl_fill(buf, BLOCK, 1);
	wl_check_eq(pwrite(fd, buf, BLOCK, 0), BLOCK);
	wl_fill(buf, BLOCK, 2);
	wl_check_eq(pwrite(fd, buf, BLOCK, far), BLOCK);
	wl_try(fsync(fd));
	wl_try(fstat(fd, &before));
	wl_ready_and_wait();
	wl_try(fsync(fd));
	wl_try(fstat(fd, &after));
	wl_check_eq(after.st_size, far + BLOCK);
	wl_check_eq(after.st_blocks, before.st_blocks);
	wl_check_eq(lseek(fd, 0, SEEK_HOLE), BLOCK);
	wl_check_eq(lseek(fd, BLOCK, SEEK_DATA), far);
	wl_check_eq(pread(fd, buf, BLOCK, 0), BLOCK);
	wl_check(wl_matches(buf, BLOCK, 1));
	wl_check_eq(pread(fd, buf, BLOCK, far), BLOCK);
	wl_check(wl_matches(buf, BLOCK, 2));
	wl_pass();
}
