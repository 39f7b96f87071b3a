/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An area that grew a gigabyte at a time until it was larger than all memory of the machine, which
 * the kernel would not give at once: it is one area again, and the pages that were touched keep
 * their bytes.
 *
 *	wl: areas    memory
 *	wl: crossing from
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "workload.h"

#define GIB (1UL << 30)

static char *grow(size_t size)
{
	char *area =
		wl_try(mmap(NULL, size + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	/* What is left at both ends keeps it apart from other areas. */
	area += 4096;
	wl_try(munmap(area, size));
	for (size_t at = 0; at < size; at += GIB)
		wl_try(mmap(area + at, GIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	wl_try(madvise(area, size, MADV_NOHUGEPAGE));
	return area;
}

int main(void)
{
	struct sysinfo machine;
	size_t size;
	char *area, *line;

	wl_try(sysinfo(&machine));
	size = ((machine.totalram + machine.totalswap) * machine.mem_unit / GIB + 2) * GIB;
	area = grow(size);
	for (size_t at = 0; at < size; at += GIB)
		area[at + 4096] = (char)(at / GIB + 1);
	line = wl_vma_line(area);
	wl_ready_and_wait();
	wl_check_text("the area", wl_vma_line(area), line);
	for (size_t at = 0; at < size; at += GIB)
		wl_check_eq(area[at + 4096], (char)(at / GIB + 1));
	wl_check_eq(area[size - 1], 0);
	wl_pass();
}
