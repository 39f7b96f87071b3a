/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fair task's own time slice (Linux 6.12: sched_attr.runtime of SCHED_OTHER), of a process
 * and of a thread. On an older kernel the value reads 0 before and after.
 *
 *	wl: areas   task
 *	wl: crossing none CRIU keeps no time slice
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include "attr.h"

static void set(void *arg)
{
	attr_set(arg);
	wl_try(syscall(SYS_sched_getattr, 0, arg, sizeof(struct attr), 0));
}

static void check(void *arg)
{
	attr_check(arg);
}

int main(void)
{
	static struct attr attrs[] = {
		{ .policy = SCHED_OTHER, .runtime = 500000 },
		{ .policy = SCHED_OTHER, .runtime = 20000000, .nice = 2 },
	};

	wl_actor_fork(set, check, &attrs[0]);
	wl_actor_thread(set, check, &attrs[1]);
	/* The child wrote its reading into its own copy. */
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
