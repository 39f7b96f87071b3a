/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private and shared huge-page mappings of parent and child; one private one was overwritten by
 * the child. Each sees its own private data, and both the common shared data.
 *
 * wl: areas memory shm
 * wl: needs hugepages
 * wl: lane hugepages
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { KEPT, OVERWRITTEN, SHARED, COUNT };

static char *area[COUNT];

int main(void)
{
	const size_t size = 2UL << 20;
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		int kind = i == SHARED ? MAP_SHARED : MAP_PRIVATE;

		area[i] = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE,
				      kind | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
		wl_fill(area[i], size, i);
	}
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_fill(area[OVERWRITTEN], size, 20);
		wl_fill(area[SHARED], size, 21);
		wl_child_wait();
		wl_check(wl_matches(area[KEPT], size, KEPT));
		wl_check(wl_matches(area[OVERWRITTEN], size, 20));
		wl_check(wl_matches(area[SHARED], size, 21));
		wl_fill(area[SHARED], size, 22);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_matches(area[KEPT], size, KEPT));
	wl_check(wl_matches(area[OVERWRITTEN], size, OVERWRITTEN));
	wl_check(wl_matches(area[SHARED], size, 21));
	wl_finish(pid);
	wl_check(wl_matches(area[SHARED], size, 22));
	wl_pass();
}
