/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages written before fork() are shared copy-on-write by parent and child; a page that the child
 * wrote is its own. The sharing stays in memory, not only the contents: /proc/PID/pagemap shows
 * the same frame in both.
 *
 * wl: areas memory
 * wl: needs pfn
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 64 };

static char *area;
static size_t page;

static void child(void)
{
	/* Every fourth page becomes the child's own. */
	for (int i = 0; i < PAGES; i += 4)
		wl_fill(area + i * page, page, 1000 + i);
	wl_child_wait();
	for (int i = 0; i < PAGES; i++)
		if (!wl_matches(area + i * page, page, i % 4 ? i : 1000 + i))
			wl_fail("the child's page %d changed", i);
	_exit(0);
}

static void check_sharing(pid_t pid)
{
	for (int i = 0; i < PAGES; i++)
		if (wl_same_page(0, area + i * page, pid, area + i * page) != (i % 4 != 0))
			wl_fail("page %d is %sshared", i, i % 4 ? "not " : "");
}

int main(void)
{
	pid_t pid;

	page = getpagesize();
	area = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	wl_try(madvise(area, PAGES * page, MADV_NOHUGEPAGE));
	for (int i = 0; i < PAGES; i++)
		wl_fill(area + i * page, page, i);
	pid = wl_fork_awaited();
	if (pid == 0)
		child();
	check_sharing(pid);
	wl_ready_and_wait();
	for (int i = 0; i < PAGES; i++)
		wl_check(wl_matches(area + i * page, page, i));
	check_sharing(pid);
	wl_finish(pid);
	wl_pass();
}
