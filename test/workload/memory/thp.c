/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transparent huge pages: an advised area that was backed by huge pages (AnonHugePages) is so
 * again, with its data, and one with NOHUGEPAGE isn't.
 *
 * wl: areas memory
 * wl: needs thp
 * wl: crossing none the number of huge pages is a matter of how the restorer writes
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const size_t huge = 2UL << 20, size = 8 * huge;
	char *room = wl_try(mmap(NULL, size + huge, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *area = (char *)(((uintptr_t)room + huge - 1) & ~(huge - 1)), *small;
	long before;

	wl_try(madvise(area, size, MADV_HUGEPAGE));
	wl_fill(area, size, 1);
	small = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_try(madvise(small, size, MADV_NOHUGEPAGE));
	wl_fill(small, size, 2);
	before = atol(wl_vma_field(area, "AnonHugePages"));
	wl_check(before > 0);
	wl_ready_and_wait();
	wl_check_eq(atol(wl_vma_field(area, "AnonHugePages")), before);
	wl_check_eq(atol(wl_vma_field(small, "AnonHugePages")), 0);
	wl_check(wl_matches(area, size, 1));
	wl_check(wl_matches(small, size, 2));
	wl_pass();
}
