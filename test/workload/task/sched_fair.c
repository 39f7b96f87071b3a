/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fair policies: batch and idle, their nice values, reset-on-fork, and a time slice of
 * one's own (Linux 6.12), in processes and threads.
 *
 *	wl: areas   task
 *	wl: flavours host ns
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
		{ .policy = SCHED_BATCH, .nice = 5 },
		{ .policy = SCHED_BATCH, .nice = -4, .flags = ATTR_RESET_ON_FORK },
		{ .policy = SCHED_IDLE, .nice = 0 },
		{ .policy = SCHED_OTHER, .nice = 3, .flags = ATTR_RESET_ON_FORK },
	};

	wl_try(setpriority(PRIO_PROCESS, 0, 0)); /* whatever the caller's is */
	for (int i = 0; i < 4; i++)
		wl_actor_fork(set, check, &attrs[i]);
	for (int i = 0; i < 4; i++)
		wl_actor_thread(set, check, &attrs[i]);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
