/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two one-page grows-down areas lie one page apart, untouched, so that their guard gaps adjoin.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	size_t page = getpagesize();
	char *base = wl_try(mmap(NULL, 1024 * page, PROT_NONE, flags, -1, 0)), *a, *b;
	char *line_a, *line_b;

	wl_try(munmap(base, 1024 * page));
	a = wl_try(mmap(base + 512 * page, page, prot, flags | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	b = wl_try(mmap(base + 514 * page, page, prot, flags | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	line_a = wl_vma_line(a);
	line_b = wl_vma_line(b);
	wl_ready_and_wait();
	wl_check(!strcmp(line_a, wl_vma_line(a)));
	wl_check(!strcmp(line_b, wl_vma_line(b)));
	wl_check(wl_vma_flag(a, "gd") && wl_vma_flag(b, "gd"));
	wl_check(a[0] == 0 && b[0] == 0);
	a[0] = b[0] = 'x';
	wl_check(!wl_vma_line(a + page));
	wl_pass();
}
