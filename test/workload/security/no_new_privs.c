/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The no-new-privileges attribute, of one child and not of another.
 *
 *	wl: areas   seccomp-lsm creds
 *	wl: flavours host user ns userns
 *	wl: cycles  5
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
	wl_check_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	wl_actor_fork(set, check, (void *)1);
	wl_actor_fork(set, check, NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
