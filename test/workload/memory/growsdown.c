/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 4096 one-page mappings with one-page gaps, and two grows-down areas behind them, one of them of
 * 35 executable pages. Values, sizes, VmFlags "gd", and the growing itself are kept.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 4096, LONG_PAGES = 35 };

static size_t page;

static char *map(char *at, size_t pages, int prot, int flags)
{
	return wl_try(mmap(at, pages * page, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0));
}

static char *set_up(char **ret_small, char **ret_long)
{
	/* Room below the grows-down areas stays free, so that they can grow. */
	size_t total = 2 * COUNT + 3000;
	char *base = map(NULL, total, PROT_NONE, 0);

	wl_try(munmap(base, total * page));
	for (int i = 0; i < COUNT; i++)
		*(int *)map(base + 2 * i * page, 1, PROT_READ | PROT_WRITE, MAP_FIXED) = i + 1;
	*ret_small = map(base + (2 * COUNT + 1000) * page, 1, PROT_READ | PROT_WRITE,
			 MAP_FIXED | MAP_GROWSDOWN);
	*ret_long = map(base + (2 * COUNT + 2000) * page, LONG_PAGES,
			PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED | MAP_GROWSDOWN);
	wl_fill(*ret_small, page, 7);
	wl_fill(*ret_long, LONG_PAGES * page, 8);
	return base;
}

int main(void)
{
	char *base, *one, *many, *line, *later;

	page = getpagesize();
	base = set_up(&one, &many);
	line = wl_vma_line(many);
	wl_check(wl_vma_flag(one, "gd") && wl_vma_flag(many, "gd"));
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		wl_check_eq(*(int *)(base + 2 * i * page), i + 1);
	wl_check(wl_matches(one, page, 7) && wl_matches(many, LONG_PAGES * page, 8));
	wl_check(wl_vma_flag(one, "gd") && wl_vma_flag(many, "gd"));
	later = wl_vma_line(many);
	wl_check(!strcmp(line, later));
	/* It grows by a write below its start. */
	for (size_t i = 1; i <= 16; i++)
		many[-(i * page)] = one[-(i * page)] = 'x';
	wl_check(wl_matches(one, page, 7) && wl_matches(many, LONG_PAGES * page, 8));
	wl_pass();
}
