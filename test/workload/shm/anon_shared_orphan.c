/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared anonymous area made by a parent that has unmapped it: only two children still have it,
 * one read-only, one write-only with its beginning cut off.
 *
 * wl: areas shm
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize(), size = 8 * page;
	char *area =
		wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t reader, writer;

	wl_fill(area, size, 1);
	reader = wl_fork_awaited();
	if (reader == 0) {
		wl_try(mprotect(area, size, PROT_READ));
		wl_child_wait();
		wl_check(wl_matches(area, page, 1));
		wl_check(wl_matches(area + 4 * page, page, 2));
		_exit(0);
	}
	writer = wl_fork_awaited();
	if (writer == 0) {
		wl_try(munmap(area, 3 * page));
		wl_try(mprotect(area + 3 * page, 5 * page, PROT_WRITE));
		wl_child_wait();
		wl_fill(area + 4 * page, page, 2);
		_exit(0);
	}
	wl_try(munmap(area, size));
	wl_ready_and_wait();
	wl_finish(writer);
	wl_finish(reader);
	wl_pass();
}
