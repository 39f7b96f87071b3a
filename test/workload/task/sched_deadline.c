/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline policy with its three times and the overrun flag, of a process and a thread.
 *
 *	wl: areas   task
 *	wl: crossing none CRIU keeps no deadline parameters
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include "attr.h"

static void set(void *arg)
{
	attr_set(arg);
}

static void check(void *arg)
{
	attr_check(arg);
}

int main(void)
{
	static struct attr attrs[] = {
		{ .policy = SCHED_DEADLINE,
		  .flags = ATTR_RESET_ON_FORK,
		  .runtime = 5000000,
		  .deadline = 50000000,
		  .period = 100000000 },
		{ .policy = SCHED_DEADLINE,
		  .flags = ATTR_DL_OVERRUN,
		  .runtime = 7000000,
		  .deadline = 90000000,
		  .period = 200000000 },
	};

	wl_actor_fork(set, check, &attrs[0]);
	wl_actor_thread(set, check, &attrs[1]);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
