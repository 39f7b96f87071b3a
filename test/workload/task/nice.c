/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nice values of three children and of threads, which have each their own on Linux.
 *
 *	wl: areas   task
 *	wl: flavours host ns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/resource.h>

static void set(void *arg)
{
	wl_try(setpriority(PRIO_PROCESS, 0, *(int *)arg));
}

static void check(void *arg)
{
	errno = 0;
	wl_check_eq(getpriority(PRIO_PROCESS, 0), *(int *)arg);
	wl_check_eq(errno, 0);
}

int main(void)
{
	static int values[] = { -20, 19, 1 }, own[] = { 7, 0, -5 };

	for (int i = 0; i < 3; i++)
		wl_actor_fork(set, check, &values[i]);
	for (int i = 0; i < 2; i++)
		wl_actor_thread(set, check, &own[i + 1]);
	set(&own[0]);
	wl_ready_and_wait();
	check(&own[0]);
	wl_actors_finish();
	wl_pass();
}
