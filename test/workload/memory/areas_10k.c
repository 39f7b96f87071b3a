/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10,000 anonymous areas, made by alternating protections, each with a value.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 10000 };

static int areas(void)
{
	char *text = wl_read_file("/proc/self/maps");
	int count = 0;

	for (char *p = text; (p = strchr(p, '\n')); p++)
		count++;
	free(text);
	return count;
}

int main(void)
{
	size_t page = getpagesize();
	char *base = wl_try(mmap(NULL, COUNT * page, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *maps;

	for (int i = 0; i < COUNT; i++) {
		*(int *)(base + i * page) = i * 7;
		if (i % 2)
			wl_try(mprotect(base + i * page, page, PROT_READ));
	}
	wl_check(areas() >= COUNT);
	maps = wl_vma_line(base + 5001 * page);
	wl_ready_and_wait();
	wl_check(areas() >= COUNT);
	for (int i = 0; i < COUNT; i++)
		wl_check_eq(*(int *)(base + i * page), i * 7);
	wl_check_text("area 5001", wl_vma_line(base + 5001 * page), maps);
	wl_pass();
}
