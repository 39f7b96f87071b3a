/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processors a task may run on: of children and of threads.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: needs   2cpus
 *	wl: cycles  5
 *	wl: crossing none CRIU keeps no affinity
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include <string.h>

static cpu_set_t all, one[2];

static void set(void *arg)
{
	wl_try(sched_setaffinity(0, sizeof(cpu_set_t), arg));
}

static void check(void *arg)
{
	cpu_set_t now;

	wl_try(sched_getaffinity(0, sizeof(now), &now));
	if (!CPU_EQUAL(&now, (cpu_set_t *)arg))
		wl_fail("affinity has changed: %d processors, expected %d", CPU_COUNT(&now),
			CPU_COUNT((cpu_set_t *)arg));
}

int main(void)
{
	int n = 0;

	wl_try(sched_getaffinity(0, sizeof(all), &all));
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one[n++]);
	wl_check_eq(n, 2);
	wl_actor_fork(set, check, &one[0]);
	wl_actor_fork(set, check, &one[1]);
	wl_actor_fork(NULL, check, &all);
	wl_actor_thread(set, check, &one[0]);
	wl_actor_thread(set, check, &one[1]);
	wl_ready_and_wait();
	check(&all);
	wl_actors_finish();
	wl_pass();
}
