/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An anonymous shared area mapped three times through /proc/self/map_files: the original, a
 * private view from page 1 on, and a shared view of two pages. Private changes and what is shared
 * stay apart exactly.
 *
 * wl: areas shm
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize(), size = 8 * page;
	const int prot = PROT_READ | PROT_WRITE;
	char *area = wl_try(mmap(NULL, size, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char *own, *pair;
	int fd;

	wl_fill(area, size, 1);
	fd = wl_try(open(wl_format("/proc/self/map_files/%lx-%lx", (uintptr_t)area,
				   (uintptr_t)area + size),
			 O_RDWR));
	own = wl_try(mmap(NULL, size - page, prot, MAP_PRIVATE, fd, page));
	pair = wl_try(mmap(NULL, 2 * page, prot, MAP_SHARED, fd, 2 * page));
	close(fd);
	wl_fill(own, page, 2);		  /* page 1 of the object, privately */
	wl_fill(pair, page, 3);		  /* page 2, for all */
	wl_fill(own + 2 * page, page, 4); /* page 3, privately */
	wl_ready_and_wait();
	wl_check(wl_matches(area, page, 1));
	wl_check(wl_matches(own, page, 2));
	wl_check(!wl_matches(area + page, page, 2));
	wl_check(wl_matches(pair, page, 3) && wl_matches(area + 2 * page, page, 3));
	wl_check(wl_matches(own + page, page, 3));
	wl_check(wl_matches(own + 2 * page, page, 4) && !wl_matches(pair + page, page, 4));
	wl_fill(area + 2 * page, 2 * page, 5);
	wl_check(wl_matches(pair, 2 * page, 5) && wl_matches(own + page, page, 5));
	wl_check(wl_matches(own + 2 * page, page, 4));
	wl_pass();
}
