/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keep-capabilities attribute, and that it works: a child that switches its user after the
 * restore keeps its permitted set.
 *
 *	wl: areas   creds
 *	wl: flavours host ns userns
 */
#define _GNU_SOURCE
#include "caps.h"

static void set(void *arg)
{
	(void)arg;
	wl_try(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
}

static void check(void *arg)
{
	struct caps before, after;

	(void)arg;
	wl_check_eq(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
	caps_get(&before);
	wl_try(syscall(SYS_setresuid, 1, 1, 1));
	caps_get(&after);
	wl_check_eq(after.permitted, before.permitted);
	wl_check_eq(after.effective, 0);
}

int main(void)
{
	wl_actor_fork(set, check, NULL);
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
	wl_actors_finish();
	wl_pass();
}
