/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A big process: WL_SIZE_MB MiB (256 if not set; 4096 is the real thing) of data that doesn't
 * compress, in pages of which every 16th is zero and every 16th untouched.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static void stamp(uint64_t *p, uint64_t seed, size_t words)
{
	for (size_t i = 0; i < words; i++)
		p[i] = (seed * 1000003 + i) * 0x9e3779b97f4a7c15ULL;
}

static bool stamped(const uint64_t *p, uint64_t seed, size_t words)
{
	for (size_t i = 0; i < words; i++)
		if (p[i] != (seed * 1000003 + i) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

static bool zero(const uint64_t *p, size_t words)
{
	while (words--)
		if (*p++)
			return false;
	return true;
}

int main(void)
{
	const char *mb = getenv("WL_SIZE_MB");
	size_t size = (mb ? strtoul(mb, NULL, 10) : 256) << 20, page = getpagesize();
	size_t pages = size / page, words = page / sizeof(uint64_t);
	uint64_t *area = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	for (size_t i = 0; i < pages; i++) {
		if (i % 16 == 3)
			area[i * words] = 0;
		else if (i % 16 != 7)
			stamp(area + i * words, i, words);
	}
	wl_ready_and_wait();
	for (size_t i = 0; i < pages; i++) {
		uint64_t *p = area + i * words;

		if (!(i % 16 == 3 || i % 16 == 7 ? zero(p, words) : stamped(p, i, words)))
			wl_fail("page %zu of %zu changed", i, pages);
	}
	wl_pass();
}
