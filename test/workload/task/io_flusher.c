/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PR_SET_IO_FLUSHER, an attribute of each thread: a process whose first thread has it, and one
 * whose second has.
 *
 *	wl: areas   task threads
 *	wl: needs   cap_sys_resource
 *	wl: crossing none CRIU does not keep it
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#define PR_GET_IO_FLUSHER 58
#endif

static void set(void *arg)
{
	wl_try(prctl(PR_SET_IO_FLUSHER, *(int *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	wl_check_eq(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0), *(int *)arg);
}

int main(void)
{
	static int yes = 1, no;

	wl_actor_fork(set, check, &yes);
	wl_actor_fork(set, check, &no);
	wl_actor_thread(set, check, &yes);
	wl_actor_thread(set, check, &no);
	wl_ready_and_wait();
	check(&no);
	wl_actors_finish();
	wl_pass();
}
