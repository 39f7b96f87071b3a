/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of areas that were not copied to it (MADV_DONTFORK, with something else of its own at the
 * place) or came to it empty (MADV_WIPEONFORK), that has moved one inherited area over another, and
 * has dropped pages of a third: each has its own contents, and what was common is common still.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

#define SIZE (16 * 4096)

static char *dontfork, *wiped, *moved, *target, *dropped;

static char *area(int seed)
{
	/* A page between, so that they don't grow together. */
	char *p = wl_try(mmap(NULL, SIZE + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(mprotect(p, SIZE, PROT_READ | PROT_WRITE));
	wl_fill(p, SIZE, seed);
	return p;
}

static void child(void)
{
	wl_check_eq((long)mmap(dontfork, SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		    (long)dontfork);
	wl_fill(dontfork + 4096, 4096, 20);
	wl_check_eq(wiped[0], 0);
	wl_fill(wiped, 4096, 21);
	wl_try(mremap(moved, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	wl_try(madvise(dropped + 4096, 4096, MADV_DONTNEED));
	wl_child_wait();
	wl_check(dontfork[0] == 0 && wl_matches(dontfork + 4096, 4096, 20));
	wl_check(wl_matches(wiped, 4096, 21) && wiped[4096] == 0);
	wl_check(wl_matches(target, SIZE, 3));
	wl_check(dropped[4096] == 0 && dropped[8191] == 0);
	dropped[4096] = 1;
	wl_check(wl_vma_flag(wiped, "wf") && !wl_vma_flag(dontfork, "dc"));
	wl_check(!wl_vma_line(moved));
	_exit(0);
}

int main(void)
{
	pid_t pid;

	dontfork = area(1);
	wiped = area(2);
	moved = area(3);
	target = area(4);
	dropped = area(5);
	wl_try(madvise(dontfork, SIZE, MADV_DONTFORK));
	wl_try(madvise(wiped, SIZE, MADV_WIPEONFORK));
	pid = wl_fork_awaited();
	if (pid == 0)
		child();
	wl_ready_and_wait();
	wl_check(wl_matches(dontfork, SIZE, 1) && wl_matches(wiped, SIZE, 2));
	wl_check(wl_matches(moved, SIZE, 3) && wl_matches(target, SIZE, 4));
	wl_check(wl_matches(dropped, SIZE, 5));
	wl_check(wl_vma_flag(dontfork, "dc") && wl_vma_flag(wiped, "wf"));
	wl_finish(pid);
	wl_check(wl_matches(dropped, SIZE, 5));
	wl_pass();
}
