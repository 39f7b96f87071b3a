/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deleted file of more than 4 GiB with many holes: 500 blocks of data, the farthest at 5 GiB and
 * one across the bound of 2^32. Size, every block and every hole are kept, and the position behind
 * 2^32.
 *
 * wl: areas files
 * wl: dump --ghost-limit 8M
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { BLOCKS = 500, BLOCK = 4096 };
static const off_t stride = 10 << 20, across = (1LL << 32) - BLOCK;

int main(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0600));
	const off_t end = BLOCKS * stride + 12345;
	struct wl_fd state;
	struct stat before, after;
	char buf[2 * BLOCK];

	wl_try(unlink("file"));
	for (int i = 0; i < BLOCKS; i++) {
		wl_fill(buf, BLOCK, i);
		wl_check_eq(pwrite(fd, buf, BLOCK, i * stride), BLOCK);
	}
	wl_fill(buf, 2 * BLOCK, 1000);
	wl_check_eq(pwrite(fd, buf, 2 * BLOCK, across), 2 * BLOCK);
	wl_try(ftruncate(fd, end));
	wl_check(end > 5000000000);
	wl_check_eq(lseek(fd, across + BLOCK + 1, SEEK_SET), across + BLOCK + 1);
	wl_try(fsync(fd));
	wl_try(fstat(fd, &before));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_try(fsync(fd));
	wl_try(fstat(fd, &after));
	wl_check_eq(after.st_size, end);
	wl_check_eq(after.st_blocks, before.st_blocks);
	for (int i = 0; i < BLOCKS; i++) {
		wl_check_eq(lseek(fd, i * stride, SEEK_HOLE), i * stride + BLOCK);
		wl_check_eq(pread(fd, buf, BLOCK, i * stride), BLOCK);
		wl_check(wl_matches(buf, BLOCK, i));
	}
	wl_check_eq(pread(fd, buf, 2 * BLOCK, across), 2 * BLOCK);
	wl_check(wl_matches(buf, 2 * BLOCK, 1000));
	wl_check_eq(lseek(fd, across + 2 * BLOCK, SEEK_DATA),
		    ((across + 2 * BLOCK) / stride + 1) * stride);
	wl_pass();
}
