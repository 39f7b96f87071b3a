/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private memory that a child has moved by mremap() after fork() still shares its pages with the
 * parent's, at another address: the sharing (one frame) stays, wholly and in part.
 *
 * wl: areas memory
 * wl: needs pfn
 * wl: crossing none CRIU shares only what has the same address
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 32 };

static char *area;
static size_t page;

static char *map(int prot)
{
	char *at = wl_try(mmap(NULL, PAGES * page, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(madvise(at, PAGES * page, MADV_NOHUGEPAGE));
	return at;
}

static void child(char **ret_moved)
{
	char *target = map(PROT_NONE);

	wl_try(mremap(area, PAGES * page, PAGES * page, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	for (int i = 0; i < PAGES; i += 4)
		wl_fill(target + i * page, page, 100 + i);
	*ret_moved = target;
	wl_child_wait();
	for (int i = 0; i < PAGES; i++)
		wl_check(wl_matches(target + i * page, page, i % 4 ? i : 100 + i));
	_exit(0);
}

static void check_sharing(pid_t pid, const char *moved)
{
	for (int i = 0; i < PAGES; i++)
		if (wl_same_page(0, area + i * page, pid, moved + i * page) != (i % 4 != 0))
			wl_fail("page %d is %sshared", i, i % 4 ? "not " : "");
}

int main(void)
{
	char **moved;
	pid_t pid;

	page = getpagesize();
	area = map(PROT_READ | PROT_WRITE);
	moved = wl_try(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < PAGES; i++)
		wl_fill(area + i * page, page, i);
	pid = wl_fork_awaited();
	if (pid == 0)
		child(moved);
	check_sharing(pid, *moved);
	wl_ready_and_wait();
	for (int i = 0; i < PAGES; i++)
		wl_check(wl_matches(area + i * page, page, i));
	check_sharing(pid, *moved);
	wl_finish(pid);
	wl_pass();
}
