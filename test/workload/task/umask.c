/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File-mode creation masks of a process and two children.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/stat.h>
#include <unistd.h>

static void set(void *arg)
{
	umask(*(mode_t *)arg);
}

static void check(void *arg)
{
	mode_t want = *(mode_t *)arg;

	wl_check_eq(wl_status(getpid(), "Umask", 8), want);
	wl_check_eq(umask(0), want);
}

int main(void)
{
	mode_t masks[] = { 0345, 0777, 0 };

	for (int i = 1; i < 3; i++)
		wl_actor_fork(set, check, &masks[i]);
	set(&masks[0]);
	wl_ready_and_wait();
	check(&masks[0]);
	wl_actors_finish();
	wl_pass();
}
