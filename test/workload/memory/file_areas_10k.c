/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10240 private mappings of one file, each with one page of its own and one clean page, with
 * anonymous pages and PROT_NONE gaps between them.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 10240, STRIDE = 4 };

int main(void)
{
	size_t page = getpagesize();
	char *base, buf[65536];
	int fd;

	fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	wl_fill(buf, 2 * page, 1);
	wl_check_eq(write(fd, buf, 2 * page), 2 * page);
	base = wl_try(
		mmap(NULL, COUNT * STRIDE * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < COUNT; i++) {
		char *p = base + (size_t)i * STRIDE * page;

		wl_try(mmap(p, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0));
		*(int *)p = i;
		wl_try(mprotect(p + 2 * page, page, PROT_READ | PROT_WRITE));
		*(int *)(p + 2 * page) = -i;
	}
	close(fd);
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		char *p = base + (size_t)i * STRIDE * page;

		wl_check_eq(*(int *)p, i);
		wl_check_eq(*(int *)(p + 2 * page), -i);
		wl_check_eq(p[page - 1], buf[page - 1]);
		wl_check_eq(p[2 * page - 1], buf[2 * page - 1]);
	}
	wl_check(wl_vma_line(base + 3 * page) && !wl_vma_flag(base + 3 * page, "rd"));
	wl_pass();
}
