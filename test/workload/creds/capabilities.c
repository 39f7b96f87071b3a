/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability sets: a child dropped one from its bounding set, two from effective, one from
 * permitted and made some inheritable; another has none at all.
 *
 *	wl: areas   creds
 *	wl: flavours host ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "caps.h"

static struct caps mine;
static uint64_t bounding;

static uint64_t get_bounding(void)
{
	uint64_t set = 0;
	int has;

	for (int cap = 0; cap < 64; cap++) {
		has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (has > 0)
			set |= CAP_BIT(cap);
	}
	return set;
}

static void drop_some(void *arg)
{
	(void)arg;
	caps_get(&mine);
	wl_try(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0));
	mine.effective &= ~(CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_MKNOD));
	mine.permitted &= ~CAP_BIT(CAP_MKNOD);
	mine.inheritable = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_SYSLOG) | CAP_BIT(CAP_BPF);
	caps_set(&mine);
	bounding = get_bounding();
	wl_check(!(bounding & CAP_BIT(CAP_SYS_TIME)));
}

static void drop_all(void *arg)
{
	(void)arg;
	mine = (struct caps){ 0 };
	caps_set(&mine);
	bounding = get_bounding();
}

static void check(void *arg)
{
	(void)arg;
	caps_check(&mine);
	wl_check_eq(get_bounding(), bounding);
}

int main(void)
{
	wl_actor_fork(drop_some, check, NULL);
	wl_actor_fork(drop_all, check, NULL);
	caps_get(&mine);
	bounding = get_bounding();
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
