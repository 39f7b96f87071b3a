/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transparent huge pages switched off for a process (PR_SET_THP_DISABLE).
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>
#include <unistd.h>

static void set(void *arg)
{
	wl_try(prctl(PR_SET_THP_DISABLE, *(int *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	wl_check_eq(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), *(int *)arg);
	wl_check_eq(wl_status(getpid(), "THP_enabled", 10), !*(int *)arg);
}

int main(void)
{
	static int on = 1, off = 0;

	set(&on);
	wl_actor_fork(NULL, check, &on);
	wl_actor_fork(set, check, &off);
	wl_ready_and_wait();
	check(&on);
	wl_actors_finish();
	wl_pass();
}
