/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared and a private anonymous mapping of 4 MiB on huge pages: data at start and end, the
 * device number of each, the page size and VmFlags "ht" are kept.
 *
 * wl: areas memory
 * wl: needs hugepages
 * wl: lane hugepages
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static unsigned device_of(const char *area)
{
	unsigned major, minor;

	wl_check_eq(sscanf(wl_vma_line(area), "%*s %*s %*s %x:%x", &major, &minor), 2);
	return major << 20 | minor;
}

int main(void)
{
	const size_t size = 4UL << 20;
	unsigned dev[2];
	char *area[2];

	for (int i = 0; i < 2; i++) {
		area[i] = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE,
				      (i ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | MAP_HUGETLB,
				      -1, 0));
		wl_fill(area[i], 4096, i);
		wl_fill(area[i] + size - 4096, 4096, i + 10);
		dev[i] = device_of(area[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check(wl_matches(area[i], 4096, i));
		wl_check(wl_matches(area[i] + size - 4096, 4096, i + 10));
		wl_check_eq(device_of(area[i]), dev[i]);
		wl_check(wl_vma_flag(area[i], "ht"));
		wl_check_eq(atoi(wl_vma_field(area[i], "KernelPageSize")), 2048);
	}
	wl_pass();
}
