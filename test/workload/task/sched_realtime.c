/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time policies with their priorities and the reset-on-fork flag, in processes and in
 * threads of one process.
 *
 *	wl: areas   task
 *	wl: flavours host ns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include <sys/resource.h>

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
		{ .policy = SCHED_RR, .priority = 3, .flags = ATTR_RESET_ON_FORK },
		{ .policy = SCHED_RR, .priority = 7 },
		{ .policy = SCHED_FIFO, .priority = 1 },
		{ .policy = SCHED_FIFO, .priority = 99, .flags = ATTR_RESET_ON_FORK },
	};

	wl_try(setpriority(PRIO_PROCESS, 0, 0)); /* whatever the caller's is */
	for (int i = 0; i < 4; i++)
		wl_actor_fork(set, check, &attrs[i]);
	for (int i = 0; i < 4; i++)
		wl_actor_thread(set, check, &attrs[i]);
	wl_ready_and_wait();
	attr_check(&(struct attr){ .policy = SCHED_OTHER });
	wl_actors_finish();
	wl_pass();
}
