/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The out-of-memory score adjustment of a process and its children.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

static void set(void *arg)
{
	wl_write_file("/proc/self/oom_score_adj", arg);
}

static void check(void *arg)
{
	wl_check_text("oom_score_adj", wl_read_file("/proc/self/oom_score_adj"), arg);
}

int main(void)
{
	static char values[][8] = { "400\n", "1000\n", "731\n" };

	set(values[0]);
	wl_actor_fork(set, check, values[1]);
	wl_actor_fork(set, check, values[2]);
	wl_ready_and_wait();
	check(values[0]);
	wl_actors_finish();
	wl_pass();
}
