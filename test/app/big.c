/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process with so many MiB of memory that does not compress. It walks through all of it, again
 * and again: at each turn every page is checked against what it was made of, and one in 61 is
 * made anew. Prints a line for each 1/16 of a turn.
 *
 *	big MEBIBYTES TURNS
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, WORDS = PAGE / 8, PARTS = 16, CHANGED = 61 };

static uint64_t seed_of(uint64_t page, uint64_t generation)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ generation * 0xbf58476d1ce4e5b9ULL;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static void fill(uint64_t *at, uint64_t x)
{
	for (int i = 0; i < WORDS; i++)
		at[i] = x = next(x);
}

static uint64_t check(const uint64_t *at, uint64_t x, uint64_t page)
{
	for (int i = 0; i < WORDS; i++)
		if (at[i] != (x = next(x)))
			errx(1, "page %llu is damaged at word %d", (unsigned long long)page, i);
	return x;
}

int main(int argc, char **argv)
{
	uint64_t pages = (uint64_t)(argc > 1 ? atol(argv[1]) : 4096) << 8, part = pages / PARTS;
	int turns = argc > 2 ? atoi(argv[2]) : 1;
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t *generation = calloc(pages, sizeof(*generation));

	if (memory == MAP_FAILED || !generation)
		err(1, "memory");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t page = 0; page < pages; page++)
		fill(memory + page * WORDS, seed_of(page, 0));
	printf("filled\n");
	for (int turn = 1; turn <= turns; turn++) {
		uint64_t sum = 0;

		for (uint64_t page = 0; page < pages; page++) {
			uint64_t *at = memory + page * WORDS;

			sum += check(at, seed_of(page, generation[page]), page);
			if ((page + turn) % CHANGED == 0) {
				generation[page] = turn;
				fill(at, seed_of(page, turn));
			}
			if ((page + 1) % part == 0)
				printf("%d %llu %llx\n", turn, (unsigned long long)(page / part),
				       (unsigned long long)sum);
		}
	}
	return 0;
}
