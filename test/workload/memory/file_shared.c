/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file mapped shared by parent and child, at different offsets, with all descriptors closed:
 * what one writes the other sees, and the file holds it.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize();
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	char *all, *part, buf[65536];
	pid_t pid;

	wl_try(ftruncate(fd, 8 * page));
	all = wl_try(mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	wl_fill(all, 8 * page, 1);
	pid = wl_fork_awaited();
	if (pid == 0) {
		part = wl_try(
			mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4 * page));
		wl_try(munmap(all, 8 * page));
		close(fd);
		wl_fill(part, page, 2);
		wl_child_wait();
		wl_check(wl_matches(part, page, 2));
		wl_fill(part, page, 3);
		_exit(0);
	}
	close(fd);
	wl_ready_and_wait();
	wl_check(wl_matches(all, 4 * page, 1));
	wl_check(wl_matches(all + 4 * page, page, 2));
	wl_finish(pid);
	wl_check(wl_matches(all + 4 * page, page, 3));
	wl_try(msync(all, 8 * page, MS_SYNC));
	fd = wl_try(open("file", O_RDONLY));
	wl_check_eq(pread(fd, buf, page, 4 * page), page);
	wl_check(wl_matches(buf, page, 3));
	wl_pass();
}
