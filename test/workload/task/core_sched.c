/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core-scheduling cookies: a parent and one child share one, another child has its own, a
 * third none. The numbers may change, who is equal to whom may not.
 *
 *	wl: areas   task
 *	wl: needs   core-sched
 *	wl: crossing none CRIU keeps no core-scheduling cookie
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/prctl.h>
#include <sys/prctl.h>
#include <unistd.h>

static uint64_t *cookies;

static uint64_t cookie(void)
{
	uint64_t value;

	wl_try(prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, PR_SCHED_CORE_SCOPE_THREAD, &value));
	return value;
}

static void create(void *arg)
{
	(void)arg;
	wl_try(prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD, 0));
}

static void tell(void *arg)
{
	cookies[(long)arg] = cookie();
}

int main(void)
{
	/* A page of shared memory: room for more than the counter. */
	cookies = (uint64_t *)(wl_stage_new() + 2);
	wl_actor_fork(NULL, tell, (void *)0);
	create(NULL);
	wl_actor_fork(NULL, tell, (void *)1);
	wl_actor_fork(create, tell, (void *)2);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_check_eq(cookies[0], 0);
	wl_check(cookie() != 0);
	wl_check_eq(cookies[1], cookie());
	wl_check(cookies[2] != 0 && cookies[2] != cookie());
	wl_pass();
}
