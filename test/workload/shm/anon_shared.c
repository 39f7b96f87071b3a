/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shared anonymous area seen by three tasks in three ways: whole, with its ends unmapped, and
 * moved and cut by mremap(). A task that has only a hole's neighbours keeps the hole; what one
 * writes all see.
 *
 * wl: areas shm
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 16 };

static char *area;
static size_t page;

static void check_pages(const char *from, int first, int count)
{
	for (int i = 0; i < count; i++)
		if (!wl_matches(from + i * page, page, first + i))
			wl_fail("page %d changed", first + i);
}

/* Has pages 2 to 13 without 7. */
static void cut_child(void)
{
	wl_try(munmap(area, 2 * page));
	wl_try(munmap(area + 14 * page, 2 * page));
	wl_try(munmap(area + 7 * page, page));
	wl_child_wait();
	check_pages(area + 2 * page, 2, 5);
	check_pages(area + 8 * page, 8, 6);
	wl_check(!wl_vma_line(area) && !wl_vma_line(area + 7 * page));
	wl_fill(area + 9 * page, page, 100);
	_exit(0);
}

/* Has pages 4 to 11 elsewhere. */
static void moved_child(void)
{
	char *target = wl_try(mmap(NULL, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(mremap(area + 4 * page, 8 * page, 8 * page, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	wl_try(munmap(area, 4 * page));
	wl_try(munmap(area + 12 * page, 4 * page));
	wl_child_wait();
	check_pages(target, 4, 5);
	wl_check(wl_matches(target + 5 * page, page, 100));
	wl_fill(target, page, 101);
	_exit(0);
}

int main(void)
{
	pid_t cut, moved;

	page = getpagesize();
	area = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0));
	for (int i = 0; i < PAGES; i++)
		wl_fill(area + i * page, page, i);
	cut = wl_fork_awaited();
	if (cut == 0)
		cut_child();
	moved = wl_fork_awaited();
	if (moved == 0)
		moved_child();
	wl_ready_and_wait();
	check_pages(area, 0, PAGES);
	wl_finish(cut);
	wl_check(wl_matches(area + 9 * page, page, 100));
	wl_finish(moved);
	wl_check(wl_matches(area + 4 * page, page, 101));
	wl_pass();
}
