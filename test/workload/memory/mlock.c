/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked and not locked areas of private and shared memory: VmFlags "lo", the pages that a lock has
 * brought in, VmLck of the process, and that an unlocked area's untouched pages stay away.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 32, AREAS = 4 };

int main(void)
{
	size_t page = getpagesize(), size = PAGES * page;
	char *area[AREAS];
	long rss[AREAS], locked;

	for (int i = 0; i < AREAS; i++) {
		int kind = i < 2 ? MAP_PRIVATE : MAP_SHARED;

		/* A page between them keeps the kernel from merging areas. */
		area[i] = wl_try(mmap(NULL, size + page, PROT_READ | PROT_WRITE,
				      kind | MAP_ANONYMOUS, -1, 0));
		wl_try(munmap(area[i] + size, page));
		wl_try(madvise(area[i], size, MADV_NOHUGEPAGE));
		wl_fill(area[i], 3 * page, i);
		if (i % 2)
			wl_try(mlock(area[i], size));
		rss[i] = atol(wl_vma_field(area[i], "Rss"));
		wl_check_eq(rss[i], (i % 2 ? PAGES : 3) * (long)page / 1024);
	}
	locked = atol(wl_field("/proc/self/status", "VmLck"));
	wl_check_eq(locked, 2 * (long)size / 1024);
	wl_ready_and_wait();
	for (int i = 0; i < AREAS; i++) {
		if (wl_vma_flag(area[i], "lo") != (i % 2 != 0))
			wl_fail("area %d has VmFlags %s", i, wl_vma_field(area[i], "VmFlags"));
		/* Pages of shared memory that no lock holds are mapped when they are touched. */
		if (i < 2 || i % 2)
			wl_check_eq(atol(wl_vma_field(area[i], "Rss")), rss[i]);
		wl_check(wl_matches(area[i], 3 * page, i));
	}
	wl_check_eq(atol(wl_field("/proc/self/status", "VmLck")), locked);
	wl_pass();
}
