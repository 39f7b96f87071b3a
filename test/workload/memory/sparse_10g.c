/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private mapping of 10 GiB with two pages touched, at 4 and at 8 GiB: both keep their byte,
 * and no further page becomes present.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const size_t gib = 1UL << 30;
	char *area = wl_try(mmap(NULL, 10 * gib, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	int page_kb = getpagesize() / 1024;

	wl_try(madvise(area, 10 * gib, MADV_NOHUGEPAGE));
	area[4 * gib] = 4;
	area[8 * gib + 77] = 8;
	wl_check_eq(atoi(wl_vma_field(area, "Rss")), 2 * page_kb);
	wl_ready_and_wait();
	wl_check_eq(atoi(wl_vma_field(area, "Rss")), 2 * page_kb);
	wl_check_eq(area[4 * gib], 4);
	wl_check_eq(area[8 * gib + 77], 8);
	wl_check_eq(area[10 * gib - 1], 0);
	wl_pass();
}
