/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every resource limit, soft and hard, lowered by one where there is something to lower; a
 * child has others.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/resource.h>

static struct rlimit want[RLIM_NLIMITS];

static void lower(void *arg)
{
	bool hard = arg;

	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		wl_try(getrlimit(i, &want[i]));
		if (want[i].rlim_cur > 0)
			want[i].rlim_cur--;
		/* The kernel takes the size limit as a signed number: -2 would forbid all. */
		if (i == RLIMIT_FSIZE && want[i].rlim_cur > INT64_MAX)
			want[i].rlim_cur = INT64_MAX - 1;
		if (hard && want[i].rlim_max > 1000 && i != RLIMIT_FSIZE)
			want[i].rlim_max -= 7;
		if (want[i].rlim_cur > want[i].rlim_max)
			want[i].rlim_cur = want[i].rlim_max;
		wl_try(setrlimit(i, &want[i]));
	}
}

static void check(void *arg)
{
	struct rlimit now;

	(void)arg;
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		wl_try(getrlimit(i, &now));
		if (now.rlim_cur != want[i].rlim_cur || now.rlim_max != want[i].rlim_max)
			wl_fail("limit %d is %llx/%llx, expected %llx/%llx", i,
				(unsigned long long)now.rlim_cur, (unsigned long long)now.rlim_max,
				(unsigned long long)want[i].rlim_cur,
				(unsigned long long)want[i].rlim_max);
	}
}

int main(void)
{
	wl_actor_fork(lower, check, &want);
	lower(NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
