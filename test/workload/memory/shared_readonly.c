/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared mapping of a file that was opened read-only: mprotect() to writable fails with EACCES
 * before and after, and what another process writes to the file shows in it.
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
	char buf[4096], *area;
	int fd;

	wl_fill(buf, sizeof(buf), 1);
	fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
	close(fd);
	fd = wl_try(open("file", O_RDONLY));
	area = wl_try(mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	wl_check(mprotect(area, page, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	wl_check(!wl_vma_flag(area, "mw"));
	wl_ready_and_wait();
	wl_check(wl_matches(area, sizeof(buf), 1));
	wl_check(!wl_vma_flag(area, "mw"));
	wl_check(mprotect(area, page, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	fd = wl_try(open("file", O_WRONLY));
	wl_fill(buf, sizeof(buf), 2);
	wl_check_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
	wl_check(wl_matches(area, sizeof(buf), 2));
	wl_pass();
}
