/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of equal pages (KSM): for all memory of a process (PR_SET_MEMORY_MERGE, Linux 6.4), which
 * needs CAP_SYS_RESOURCE, and in which what is mapped afterwards takes part; not in a child that
 * has turned it off again. Pages that were merged are each one's own, with what they held.
 *
 *	wl: areas   memory
 *	wl: needs   cap_sys_resource kernel:6.4 ksm
 *	wl: lane    ksm
 *	wl: crossing none CRIU does not keep it
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#define KSM_RUN "/sys/kernel/mm/ksm/run"

enum { PAGES = 4, TWINS = 16 };

static char *map(size_t pages)
{
	return wl_try(mmap(NULL, pages * getpagesize(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void turn_off(void *arg)
{
	(void)arg;
	wl_try(prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0));
}

static void check_off(void *area)
{
	wl_check_eq(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), 0);
	wl_check(!wl_vma_flag(area, "mg"));
	wl_check(wl_matches(area, PAGES * getpagesize(), 3));
}

/* Sixteen pages of the same contents, which are one page in the end. */
static char *merged(void)
{
	char *twins = map(TWINS), *before = wl_read_file(KSM_RUN);

	for (int i = 0; i < TWINS; i++)
		wl_fill(twins + i * getpagesize(), getpagesize(), 5);
	wl_write_file(KSM_RUN, "1");
	while (!wl_same_page(0, twins, 0, twins + (TWINS - 1) * getpagesize()))
		wl_sleep_ms(10);
	wl_write_file(KSM_RUN, before);
	return twins;
}

int main(void)
{
	char *before = map(PAGES), *after, *twins;

	wl_try(prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	wl_fill(before, PAGES * getpagesize(), 3);
	wl_check(wl_vma_flag(before, "mg"));
	twins = merged();
	wl_actor_fork(turn_off, check_off, before);
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), 1);
	wl_check(wl_vma_flag(before, "mg"));
	wl_check(wl_matches(before, PAGES * getpagesize(), 3));
	twins[0] ^= 1;
	for (int i = 1; i < TWINS; i++)
		wl_check(wl_matches(twins + i * getpagesize(), getpagesize(), 5));
	after = map(PAGES);
	*after = 'a';
	wl_check(wl_vma_flag(after, "mg"));
	wl_actors_finish();
	wl_pass();
}
