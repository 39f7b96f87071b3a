/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of equal pages (KSM): for all memory of a process (PR_SET_MEMORY_MERGE, Linux 6.4), which
 * needs CAP_SYS_RESOURCE, and which what is mapped afterwards takes part in; and not in its child's
 * place, which has turned it off again.
 *
 *	wl: areas   memory
 *	wl: needs   cap_sys_resource kernel:6.4 ksm
 *	wl: crossing none CRIU does not keep it
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

static char *map(void)
{
	return wl_try(mmap(NULL, 4 * getpagesize(), PROT_READ | PROT_WRITE,
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
	wl_check(wl_matches(area, 4 * getpagesize(), 3));
}

int main(void)
{
	char *before = map(), *after;

	wl_try(prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	wl_fill(before, 4 * getpagesize(), 3);
	wl_check(wl_vma_flag(before, "mg"));
	wl_actor_fork(turn_off, check_off, before);
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), 1);
	wl_check(wl_vma_flag(before, "mg"));
	wl_check(wl_matches(before, 4 * getpagesize(), 3));
	after = map();
	*after = 'a';
	wl_check(wl_vma_flag(after, "mg"));
	wl_actors_finish();
	wl_pass();
}
