/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ambient capabilities of a child that is not root any more (it kept its permitted ones).
 *
 *	wl: areas   creds
 *	wl: flavours host ns userns
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "caps.h"

#define LAST 40

static bool ambient[LAST + 1];

static void raise_most(void *arg)
{
	struct caps caps;

	caps_get(&caps);
	caps.inheritable = caps.permitted & ~CAP_BIT(CAP_NET_ADMIN);
	caps_set(&caps);
	for (int cap = 0; cap <= LAST; cap++) {
		if (cap == CAP_SYS_CHROOT || !(caps.inheritable & CAP_BIT(cap)))
			continue;
		wl_try(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
	}
	if (arg) {
		wl_try(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
		wl_try(syscall(SYS_setresuid, 1000, 1000, 1000));
		caps.effective = caps.permitted;
		caps_set(&caps);
		wl_try(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	}
	for (int cap = 0; cap <= LAST; cap++)
		ambient[cap] = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0;
	wl_check(ambient[CAP_KILL]);
	wl_check(!ambient[CAP_SYS_CHROOT] && !ambient[CAP_NET_ADMIN]);
}

static void check(void *arg)
{
	(void)arg;
	for (int cap = 0; cap <= LAST; cap++)
		wl_check_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0,
			    ambient[cap]);
}

int main(void)
{
	wl_actor_fork(raise_most, check, (void *)1);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
