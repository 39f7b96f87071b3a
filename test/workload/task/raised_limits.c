/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only CAP_SYS_RESOURCE gives: hard limits above those of the tool, in a process of root and
 * in one of another user, and an oom_score_adj below the tool's.
 *
 *	wl: areas   task
 *	wl: needs   cap_sys_resource
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const int raised[] = { RLIMIT_MSGQUEUE,	 RLIMIT_NICE,	 RLIMIT_RTPRIO,
			      RLIMIT_SIGPENDING, RLIMIT_MEMLOCK, RLIMIT_NOFILE };
#define N (sizeof(raised) / sizeof(raised[0]))

/* Where there is room above: an unlimited one stays. NICE counts to 40, NOFILE to fs.nr_open. */
static void raise_limits(struct rlimit *ret)
{
	for (size_t i = 0; i < N; i++) {
		wl_try(getrlimit(raised[i], &ret[i]));
		if (ret[i].rlim_max != RLIM_INFINITY)
			ret[i].rlim_max += raised[i] == RLIMIT_NOFILE ? 0 : 20;
		ret[i].rlim_cur = ret[i].rlim_max - (ret[i].rlim_max == RLIM_INFINITY ? 0 : 1);
		wl_try(setrlimit(raised[i], &ret[i]));
	}
}

static void check_limits(const struct rlimit *want)
{
	struct rlimit now;

	for (size_t i = 0; i < N; i++) {
		wl_try(getrlimit(raised[i], &now));
		wl_check_eq(now.rlim_cur, want[i].rlim_cur);
		wl_check_eq(now.rlim_max, want[i].rlim_max);
	}
}

static struct rlimit of_child[N];

static void set_child(void *arg)
{
	(void)arg;
	raise_limits(of_child); /* once more above its parent's */
	wl_write_file("/proc/self/oom_score_adj", "-700\n");
	wl_try(setresgid(1234, 1234, 1234));
	wl_try(setresuid(1234, 1234, 1234));
	wl_try(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void check_child(void *arg)
{
	(void)arg;
	check_limits(of_child);
	wl_check_text("oom_score_adj", wl_read_file("/proc/self/oom_score_adj"), "-700\n");
}

int main(void)
{
	struct rlimit own[N];

	raise_limits(own);
	wl_write_file("/proc/self/oom_score_adj", "-300\n");
	wl_actor_fork(set_child, check_child, NULL);
	wl_ready_and_wait();
	check_limits(own);
	wl_check_text("oom_score_adj", wl_read_file("/proc/self/oom_score_adj"), "-300\n");
	wl_actors_finish();
	wl_pass();
}
