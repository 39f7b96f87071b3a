/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1024 records of a page's size, not aligned to pages, are half modified and compared in a loop;
 * huge-page collapsing, or restoring on demand, may not corrupt them.
 *
 * wl: areas memory
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { RECORDS = 1024 };

int main(void)
{
	size_t page = getpagesize(), size = RECORDS * page;
	char *room = wl_try(mmap(NULL, size + page, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *record = room + page / 2 - 24, *model = malloc(size);

	wl_check(model);
	wl_try(madvise(room, size + page, MADV_HUGEPAGE));
	wl_fill(record, size, 0);
	memcpy(model, record, size);
	wl_ready();
	for (uint32_t round = 1; !wl_should_stop(); round++) {
		for (int i = 0; i < RECORDS; i += 2) {
			char *p = record + i * page + round % 2 * page / 2;

			wl_fill(p, page / 2, round + i);
			memcpy(model + (p - record), p, page / 2);
		}
		if (memcmp(model, record, size))
			wl_fail("memory is wrong in round %u", round);
		wl_sleep_ms(2);
	}
	wl_check(!memcmp(model, record, size));
	wl_pass();
}
