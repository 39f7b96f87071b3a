/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dumpable attribute: 0 set by a child, and 1; the owner of /proc/PID files goes by it.
 *
 *	wl: areas   creds task
 *	wl: flavours host ns
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void set(void *arg)
{
	wl_try(setresgid(1000, 1000, 1000));
	wl_try(setresuid(1000, 1000, 1000));
	wl_try(prctl(PR_SET_DUMPABLE, *(int *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	struct stat stat_now;

	wl_check_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), *(int *)arg);
	wl_try(stat("/proc/self/status", &stat_now));
	wl_check_eq(stat_now.st_uid, *(int *)arg ? 1000 : 0);
}

int main(void)
{
	static int no, yes = 1;

	wl_actor_fork(set, check, &no);
	wl_actor_fork(set, check, &yes);
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	wl_actors_finish();
	wl_pass();
}
