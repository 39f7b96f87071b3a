/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No-new-privileges belongs to the thread: one has it, the leader and another one have not.
 *
 *	wl: areas   seccomp-lsm threads
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

static void set(void *arg)
{
	if (arg)
		wl_try(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void check(void *arg)
{
	wl_check_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), arg != NULL);
}

int main(void)
{
	wl_actor_thread(set, check, (void *)1);
	wl_actor_thread(set, check, NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
