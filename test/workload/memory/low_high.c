/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas at the lowest address that may be mapped (vm.mmap_min_addr) and in the last page of the
 * address space, with contents.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize();
	uintptr_t lowest = strtoul(wl_read_file("/proc/sys/vm/mmap_min_addr"), NULL, 10);
	/* x86: the page below the canonical hole is not usable, the one before is the last. */
	uintptr_t top = (1UL << 47) - page;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	char *low, *high = MAP_FAILED;

	lowest = (lowest + page - 1) & ~(page - 1);
	if (!lowest)
		lowest = page;
	low = wl_try(mmap((void *)lowest, 2 * page, PROT_READ | PROT_WRITE, flags, -1, 0));
	wl_check_eq((uintptr_t)low, lowest);
	/* The stack may lie at the very top when addresses are not random: take the next free. */
	for (; high == MAP_FAILED; top -= page) {
		high = mmap((void *)(top - page), page, PROT_READ | PROT_WRITE, flags, -1, 0);
		if (high == MAP_FAILED && errno != EEXIST)
			wl_pfail("mmap at %lx", top);
	}
	wl_fill(low, 2 * page, 1);
	wl_fill(high, page, 2);
	wl_ready_and_wait();
	wl_check(wl_matches(low, 2 * page, 1));
	wl_check(wl_matches(high, page, 2));
	wl_pass();
}
