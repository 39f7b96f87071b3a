/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlock2(MLOCK_ONFAULT) on private and shared memory: VmFlags show "lo" as for every lock, VmLck
 * counts it, and the untouched pages are still not there (Rss).
 *
 * wl: areas memory
 * wl: cycles 3
 * wl: crossing none CRIU makes plain locks of these
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 32, AREAS = 2 };

int main(void)
{
	size_t page = getpagesize(), size = PAGES * page;
	char *area[AREAS];
	long rss[AREAS], locked;

	for (int i = 0; i < AREAS; i++) {
		int kind = i < 1 ? MAP_PRIVATE : MAP_SHARED;

		/* A page between them keeps the kernel from merging areas. */
		area[i] = wl_try(mmap(NULL, size + page, PROT_READ | PROT_WRITE,
				      kind | MAP_ANONYMOUS, -1, 0));
		wl_try(munmap(area[i] + size, page));
		wl_try(madvise(area[i], size, MADV_NOHUGEPAGE));
		wl_fill(area[i], 3 * page, i);
		wl_try(mlock2(area[i], size, MLOCK_ONFAULT));
		rss[i] = atol(wl_vma_field(area[i], "Rss"));
		wl_check_eq(rss[i], 3 * (long)page / 1024);
	}
	locked = atol(wl_field("/proc/self/status", "VmLck"));
	wl_check_eq(locked, AREAS * (long)size / 1024);
	wl_ready_and_wait();
	for (int i = 0; i < AREAS; i++) {
		wl_check(wl_vma_flag(area[i], "lo"));
		wl_check_eq(atol(wl_vma_field(area[i], "Rss")), rss[i]);
		wl_check(wl_matches(area[i], 3 * page, i));
	}
	wl_check_eq(atol(wl_field("/proc/self/status", "VmLck")), locked);
	/* A page more, by touching it. */
	area[0][10 * page] = 1;
	wl_check_eq(atol(wl_vma_field(area[0], "Rss")), rss[0] + (long)page / 1024);
	wl_pass();
}
