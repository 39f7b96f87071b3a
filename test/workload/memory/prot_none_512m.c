/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 512 MiB (64 on a slow machine) of data in which some 512 pages were made inaccessible: the data
 * under PROT_NONE is kept like all other, and the protections stand.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static size_t page;

/* A cheap pattern: the whole area has to be written and read in good time. */
static void stamp(uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < page / sizeof(*p); i++)
		p[i] = (seed + i) * 0x9e3779b97f4a7c15ULL;
}

static bool stamped(const uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < page / sizeof(*p); i++)
		if (p[i] != (seed + i) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

/* write() gives EFAULT where the page can't be read, without a signal. */
static bool readable(const char *p)
{
	int fds[2];
	ssize_t n;

	wl_try(pipe(fds));
	n = write(fds[1], p, 1);
	close(fds[0]);
	close(fds[1]);
	return n == 1;
}

int main(void)
{
	const size_t size = wl_scaled(512UL << 20, 64UL << 20);
	size_t pages;
	char *area;

	page = getpagesize();
	pages = size / page;
	area = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (size_t i = 0; i < pages; i++)
		stamp((uint64_t *)(area + i * page), i);
	for (size_t i = 0, at = 17; i < 512; i++, at = (at * 1103515245 + 12345) % pages)
		wl_try(mprotect(area + at * page, page, PROT_NONE));
	wl_ready_and_wait();
	for (size_t i = 0, at = 17; i < 512; i++, at = (at * 1103515245 + 12345) % pages)
		wl_check(!readable(area + at * page));
	wl_try(mprotect(area, size, PROT_READ));
	for (size_t i = 0; i < pages; i++)
		if (!stamped((uint64_t *)(area + i * page), i))
			wl_fail("page %zu of %zu changed", i, pages);
	wl_pass();
}
