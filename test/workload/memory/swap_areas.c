/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Five filled areas of 1 MiB. What memory management calls do to them after the restore: fork(),
 * MADV_DONTNEED, a growing mremap(), and a three-way swap by fixed mremap() give the same data,
 * or zeroes, as with memory that was never dumped (also when pages come on demand).
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { FORKED, DROPPED, GROWN, SWAP_A, SWAP_B, COUNT };
static const size_t size = 1UL << 20;

static char *area[COUNT];

static char *new_area(void)
{
	return wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static bool zeroes(const char *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

int main(void)
{
	char *spare;
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		area[i] = new_area();
		wl_fill(area[i], size, i);
	}
	spare = new_area();
	wl_ready_and_wait();

	pid = wl_fork();
	if (pid == 0) {
		wl_check(wl_matches(area[FORKED], size, FORKED));
		memset(area[FORKED], 0, size);
		_exit(0);
	}
	wl_reap(pid);
	wl_check(wl_matches(area[FORKED], size, FORKED));

	wl_try(madvise(area[DROPPED], size, MADV_DONTNEED));
	wl_check(zeroes(area[DROPPED], size));

	area[GROWN] = wl_try(mremap(area[GROWN], size, 2 * size, MREMAP_MAYMOVE));
	wl_check(wl_matches(area[GROWN], size, GROWN));
	wl_check(zeroes(area[GROWN] + size, size));

	wl_try(mremap(area[SWAP_A], size, size, MREMAP_MAYMOVE | MREMAP_FIXED, spare));
	wl_try(mremap(area[SWAP_B], size, size, MREMAP_MAYMOVE | MREMAP_FIXED, area[SWAP_A]));
	wl_try(mremap(spare, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, area[SWAP_B]));
	wl_check(wl_matches(area[SWAP_A], size, SWAP_B));
	wl_check(wl_matches(area[SWAP_B], size, SWAP_A));
	wl_pass();
}
