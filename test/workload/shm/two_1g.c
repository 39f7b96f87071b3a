/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two shared anonymous mappings of 1 GiB, hardly touched, inherited by a child, who unmaps the
 * first, the tenth and the last page of the one, moves half of the other over a private area, and
 * maps one page a second time through /proc/self/map_files.
 *
 * wl: areas shm
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static const size_t gib = 1UL << 30;
static const int prot = PROT_READ | PROT_WRITE;
static char *one, *two;
static size_t page;

static char *map_again(char *at, size_t size)
{
	int fd = wl_try(
		open(wl_format("/proc/self/map_files/%lx-%lx", (uintptr_t)at, (uintptr_t)at + size),
		     O_RDWR));
	char *view = wl_try(mmap(NULL, page, prot, MAP_SHARED, fd, gib / 2));

	close(fd);
	return view;
}

static void child(void)
{
	char *private = wl_try(mmap(NULL, gib / 2, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *again = map_again(two, gib);

	private[0] = 'p';
	wl_try(munmap(one, page));
	wl_try(munmap(one + 10 * page, page));
	wl_try(munmap(one + gib - page, page));
	wl_try(mremap(two + gib / 2, gib / 2, gib / 2, MREMAP_MAYMOVE | MREMAP_FIXED, private));
	wl_fill(one + 20 * page, page, 20);
	wl_fill(private + page, page, 21);
	wl_child_wait();
	wl_check(wl_matches(one + page, page, 1));
	wl_check(wl_matches(two, page, 3));
	wl_check(wl_matches(private, page, 4) && wl_matches(again, page, 4));
	wl_check(wl_matches(private + page, page, 21));
	wl_check(!wl_vma_line(one) && !wl_vma_line(one + 10 * page));
	wl_check(!wl_vma_line(two + gib / 2));
	wl_fill(again, page, 22);
	wl_check(wl_matches(private, page, 22));
	_exit(0);
}

int main(void)
{
	pid_t pid;

	page = getpagesize();
	one = wl_try(mmap(NULL, gib, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	two = wl_try(mmap(NULL, gib, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	wl_fill(one + page, page, 1);
	wl_fill(one, page, 2);
	wl_fill(two, page, 3);
	wl_fill(two + gib / 2, page, 4);
	pid = wl_fork_awaited();
	if (pid == 0)
		child();
	wl_ready_and_wait();
	wl_check(wl_matches(one, page, 2) && wl_matches(one + page, page, 1));
	wl_check(wl_matches(one + 20 * page, page, 20));
	wl_check(wl_matches(two, page, 3) && wl_matches(two + gib / 2, page, 4));
	wl_check(wl_matches(two + gib / 2 + page, page, 21));
	wl_finish(pid);
	wl_check(wl_matches(two + gib / 2, page, 22));
	wl_pass();
}
