/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nice value of a session's autogroup (sched(7)): of the root's session and of a child's.
 *
 *	wl: areas   task
 *	wl: needs   autogroup
 *	wl: crossing none CRIU keeps no autogroup
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int autogroup_nice(void)
{
	char *text = wl_read_file("/proc/self/autogroup"), *at = strstr(text, "nice ");
	int value;

	if (!at)
		wl_fail("/proc/self/autogroup reads \"%s\"", text);
	value = atoi(at + 5);
	free(text);
	return value;
}

static void set(void *arg)
{
	int value = *(int *)arg;
	char *text = wl_format("%d", value);

	if (value < 0)
		wl_try(setsid());
	wl_write_file("/proc/self/autogroup", text);
	wl_check_eq(autogroup_nice(), value);
	free(text);
}

static void check(void *arg)
{
	wl_check_eq(autogroup_nice(), *(int *)arg);
}

int main(void)
{
	static int values[] = { 5, -3 };

	wl_actor_fork(set, check, &values[1]);
	set(&values[0]);
	wl_ready_and_wait();
	check(&values[0]);
	wl_actors_finish();
	wl_pass();
}
