/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child resizes its view of a 32 MiB shared area by mremap() and writes to it all the time; the
 * sum of all pages' values must be the one that the parent sees.
 *
 * wl: areas shm
 * wl: ignore maps
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static const size_t size = 32UL << 20;
static size_t page;

static uint64_t sum(const char *area)
{
	uint64_t total = 0;

	for (size_t at = 0; at < size; at += page)
		total += *(const uint64_t *)(area + at);
	return total;
}

static void child(char *area, uint64_t *ret_sum)
{
	uint64_t seed = 1;
	size_t now = size;

	wl_child_ready();
	while (!wl_should_stop()) {
		size_t want;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		want = (1 + (seed >> 33) % (size / page)) * page;
		area = wl_try(mremap(area, now, want, MREMAP_MAYMOVE));
		now = want;
		for (size_t at = 0; at < now; at += 64 * page)
			*(uint64_t *)(area + at) += seed >> 50;
		wl_sleep_ms(1);
	}
	area = wl_try(mremap(area, now, size, MREMAP_MAYMOVE));
	*ret_sum = sum(area);
	_exit(0);
}

int main(void)
{
	uint64_t *result;
	char *area;
	pid_t pid;

	page = getpagesize();
	area = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	result =
		wl_try(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	for (size_t at = 0; at < size; at += page)
		*(uint64_t *)(area + at) = at;
	pid = wl_fork_awaited();
	if (pid == 0)
		child(area, result);
	wl_ready_and_wait();
	wl_finish(pid);
	wl_check_eq(*result, sum(area));
	wl_pass();
}
