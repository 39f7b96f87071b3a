/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlockall(MCL_FUTURE | MCL_ONFAULT): an area mapped after the restore is locked, but only the
 * pages that are touched become present.
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
	long page_kb = getpagesize() / 1024;
	size_t size = 16 * getpagesize();
	char *area;

	wl_try(mlockall(MCL_FUTURE | MCL_ONFAULT));
	wl_ready_and_wait();
	area = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	if (!wl_vma_flag(area, "lo"))
		wl_fail("MCL_FUTURE is lost");
	wl_check_eq(atol(wl_vma_field(area, "Rss")), 0);
	area[0] = 1;
	wl_check_eq(atol(wl_vma_field(area, "Rss")), page_kb);
	wl_pass();
}
