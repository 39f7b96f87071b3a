/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared anonymous memory of which the creator has kept only the last page, and the child only
 * the first and a second view of the middle at another place and protection; contents where nobody
 * can see them any more (they count when the area is seen by way of a neighbour); a page without
 * access; an area that no page was ever touched of.
 *
 * wl: areas shm memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize();
	char *p = wl_try(
		mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char *empty = wl_try(mmap(NULL, 64 * page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t pid;

	for (int i = 0; i < 8; i++)
		wl_fill(p + i * page, page, i);
	pid = wl_fork_awaited();
	if (pid == 0) {
		/* Length 0: a second view of shared memory (mremap(2)). */
		char *twin = wl_try(mremap(p + 3 * page, 0, 2 * page, MREMAP_MAYMOVE));

		wl_try(munmap(p + page, 6 * page));
		wl_try(mprotect(twin + page, page, PROT_NONE));
		wl_try(mprotect(p + 7 * page, page, PROT_READ));
		wl_child_wait();
		wl_check(wl_matches(p, page, 0) && wl_matches(twin, page, 3));
		wl_check(wl_matches(p + 7 * page, page, 77));
		wl_try(mprotect(twin + page, page, PROT_READ));
		wl_check(wl_matches(twin + page, page, 4));
		wl_try(mprotect(empty, page, PROT_READ | PROT_WRITE));
		empty[0] = 'e';
		_exit(0);
	}
	wl_try(munmap(p, 7 * page));
	wl_ready_and_wait();
	wl_check(wl_matches(p + 7 * page, page, 7));
	wl_fill(p + 7 * page, page, 77);
	wl_finish(pid);
	wl_try(mprotect(empty, page, PROT_READ));
	wl_check_eq(empty[0], 'e');
	wl_pass();
}
