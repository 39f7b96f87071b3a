/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlockall(MCL_CURRENT | MCL_FUTURE): areas are locked, and one that is mapped after the restore
 * comes out locked and present.
 *
 * wl: areas memory
 * wl: crossing none CRIU loses MCL_FUTURE
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	size_t size = 16 * getpagesize();
	char *before = wl_try(mmap(NULL, size, prot, flags, -1, 0)), *after, *last;

	wl_fill(before, size, 1);
	wl_try(mlockall(MCL_CURRENT | MCL_FUTURE));
	wl_check(wl_vma_flag(before, "lo"));
	wl_ready_and_wait();
	wl_check(wl_vma_flag(before, "lo"));
	wl_check(wl_vma_flag(&prot, "lo"));
	wl_check(wl_matches(before, size, 1));
	after = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	if (!wl_vma_flag(after, "lo"))
		wl_fail("MCL_FUTURE is lost");
	wl_check_eq(atol(wl_vma_field(after, "Rss")), (long)size / 1024);
	wl_try(munlockall());
	last = wl_try(mmap(NULL, size, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	wl_check(!wl_vma_flag(last, "lo"));
	wl_pass();
}
