/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer slack, current and default, of a process, a child and threads. The default is that of
 * the thread which made the task; a value of 0 resets to it.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no default timer slack
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

static void set(void *arg)
{
	wl_try(prctl(PR_SET_TIMERSLACK, *(unsigned long *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	wl_check_eq(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), *(unsigned long *)arg);
}

static void check_default(void *arg)
{
	check(&((unsigned long *)arg)[0]);
	wl_try(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0));
	check(&((unsigned long *)arg)[1]);
}

int main(void)
{
	/* Each with the default that its maker left to it. */
	static unsigned long values[][2] = { { 123456, 50000 },
					     { 1, 123456 },
					     { 77777777, 123456 } };

	set(values[0]);
	wl_actor_fork(set, check_default, values[1]);
	wl_actor_thread(set, check_default, values[2]);
	wl_ready_and_wait();
	check(values[0]);
	wl_actors_finish();
	check_default(values[0]);
	wl_pass();
}
