/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent does random fixed mmaps with random protection, and writes, over 512 MiB; a child
 * repeats the same sequence, a thousand steps behind. At the end readability and contents of each
 * page must be the same in both.
 *
 * wl: areas memory
 * wl: ignore maps
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "workload.h"

enum { LAG = 1000 };
static const size_t size = 512UL << 20;

struct shared {
	volatile long parent_steps, child_steps;
	volatile int stop;
};

static char *area;
static size_t page, pages;

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void step(uint64_t *state, long number)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE | PROT_EXEC };
	size_t at = next(state) % pages, len = 1 + next(state) % 64;
	int prot = prots[next(state) % 4];
	char *p = area + at * page;

	if (len > pages - at)
		len = pages - at;
	wl_try(mmap(p, len * page, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	if (!(prot & PROT_WRITE))
		return;
	for (size_t i = 0; i < len; i++)
		*(long *)(p + i * page) = number + i;
}

static void child(struct shared *shared)
{
	uint64_t state = 42;

	wl_child_ready();
	for (long n = 0;; n++) {
		while (n >= shared->parent_steps - (shared->stop ? 0 : LAG)) {
			if (shared->stop && n >= shared->parent_steps)
				goto done;
			wl_sleep_ms(1);
		}
		step(&state, n);
		shared->child_steps = n + 1;
	}
done:
	wl_wait();
	_exit(0);
}

/* process_vm_readv() of 0 pages means that the page can't be read. */
static void compare(pid_t pid)
{
	char *mine = malloc(page), *theirs = malloc(page);

	for (size_t i = 0; i < pages; i++) {
		struct iovec at = { area + i * page, page }, a = { mine, page },
			     b = { theirs, page };
		bool me = process_vm_readv(getpid(), &a, 1, &at, 1, 0) == (ssize_t)page;
		bool it = process_vm_readv(pid, &b, 1, &at, 1, 0) == (ssize_t)page;

		if (me != it)
			wl_fail("page %zu is readable in one task only", i);
		if (me && memcmp(mine, theirs, page))
			wl_fail("page %zu differs", i);
	}
}

int main(void)
{
	struct shared *shared;
	uint64_t state = 42;
	pid_t pid;

	page = getpagesize();
	pages = size / page;
	shared =
		wl_try(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	area = wl_try(
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	pid = wl_fork_awaited();
	if (pid == 0)
		child(shared);
	for (bool ready = false; !wl_should_stop();) {
		/* The parent doesn't run away from the child, nor on for ever. */
		if (shared->parent_steps >= shared->child_steps + 2 * LAG) {
			wl_sleep_ms(1);
			continue;
		}
		step(&state, shared->parent_steps);
		shared->parent_steps++;
		if (!ready && (ready = shared->parent_steps == 3 * LAG))
			wl_ready();
		if (ready && shared->parent_steps % 100 == 0)
			wl_sleep_ms(1);
	}
	shared->stop = 1;
	while (shared->child_steps < shared->parent_steps)
		wl_sleep_ms(1);
	compare(pid);
	wl_finish(pid);
	wl_pass();
}
