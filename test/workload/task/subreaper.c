/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child-subreaper attribute of a process; it is not inherited.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

static int get(void)
{
	int value = -1;

	wl_try(prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0));
	return value;
}

static void set(void *arg)
{
	if (arg)
		wl_try(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

static void check(void *arg)
{
	wl_check_eq(get(), arg != NULL);
}

int main(void)
{
	set(main);
	wl_actor_fork(set, check, NULL);
	wl_actor_fork(set, check, main);
	wl_ready_and_wait();
	check(main);
	wl_actors_finish();
	wl_pass();
}
