/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task maps, unmaps, protects, moves and writes random areas all the time, keeps a model of what
 * each page should hold, and verifies pages as it goes: at whatever instant it is frozen, its
 * memory is that of the model.
 *
 * wl: areas memory
 * wl: ignore maps
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { PAGES = 2048 };

/* What each page should hold; a stamp of 0 means zeroes. */
static struct {
	uint64_t stamp;
	int prot;
	bool mapped;
} model[PAGES];
static char *area;
static size_t page;

static unsigned rnd(unsigned limit)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % limit;
}

static void remap(unsigned at, unsigned len)
{
	int prot = rnd(2) ? PROT_READ | PROT_WRITE : PROT_READ;

	wl_try(mmap(area + at * page, len * page, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0));
	for (unsigned i = at; i < at + len; i++) {
		model[i].mapped = true;
		model[i].prot = prot;
		model[i].stamp = 0;
	}
}

static void unmap(unsigned at, unsigned len)
{
	/* Not munmap(): the place must stay ours. */
	wl_try(mmap(area + at * page, len * page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0));
	for (unsigned i = at; i < at + len; i++)
		model[i].mapped = false;
}

static void protect(unsigned at, unsigned len)
{
	int prot = rnd(2) ? PROT_READ | PROT_WRITE : PROT_READ;

	for (unsigned i = at; i < at + len; i++) {
		if (!model[i].mapped)
			continue;
		wl_try(mprotect(area + i * page, page, prot));
		model[i].prot = prot;
	}
}

static void use(unsigned at, unsigned len)
{
	static uint64_t stamp;

	for (unsigned i = at; i < at + len; i++) {
		uint64_t *p = (uint64_t *)(area + i * page), last = page / sizeof(*p) - 1;

		if (!model[i].mapped)
			continue;
		if (p[0] != model[i].stamp || p[last] != model[i].stamp)
			wl_fail("page %u holds %llx, not %llx", i, (unsigned long long)p[0],
				(unsigned long long)model[i].stamp);
		if (model[i].prot & PROT_WRITE)
			p[0] = p[last] = model[i].stamp = ++stamp;
	}
}

int main(void)
{
	static void (*const deed[])(unsigned, unsigned) = { remap, unmap, protect, use, use, use };

	page = getpagesize();
	area = wl_try(mmap(NULL, PAGES * page, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	for (long n = 0; !wl_should_stop(); n++) {
		unsigned at = rnd(PAGES), len = 1 + rnd(32);

		if (len > PAGES - at)
			len = PAGES - at;
		deed[rnd(6)](at, len);
		if (n == 2000)
			wl_ready();
		if (n % 200 == 0)
			wl_sleep_ms(1);
	}
	use(0, PAGES);
	wl_pass();
}
