/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ambient capabilities: permitted copied to inheritable, all possible ones raised but two.
 *
 *	wl: areas   creds
 *	wl: flavours host ns userns
 */
#define _GNU_SOURCE
#include "caps.h"

#define LAST 40

static bool ambient[LAST + 1];

static void raise_most(void *arg)
{
	struct caps caps;

	(void)arg;

	caps_get(&caps);
	caps.inheritable = caps.permitted & ~CAP_BIT(CAP_NET_ADMIN);
	caps_set(&caps);
	for (int cap = 0; cap <= LAST; cap++) {
		if (cap == CAP_SYS_CHROOT || !(caps.inheritable & CAP_BIT(cap)))
			continue;
		wl_try(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
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
	wl_actor_fork(raise_most, check, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
