/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speculation control per thread (PR_SET_SPECULATION_CTRL). Whatever the processor and the
 * kernel let be set is set; all controls must read as before, also where nothing can be set.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU does not keep them
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/prctl.h>
#include <sys/prctl.h>

#define CONTROLS 3

struct controls {
	unsigned long wish;
	int state[CONTROLS];
};

static int get(int control)
{
	return prctl(PR_GET_SPECULATION_CTRL, control, 0, 0, 0);
}

static void set(void *arg)
{
	struct controls *controls = arg;

	for (int i = 0; i < CONTROLS; i++) {
		if (get(i) > 0 && get(i) & PR_SPEC_PRCTL)
			wl_try(prctl(PR_SET_SPECULATION_CTRL, i, controls->wish, 0, 0));
		controls->state[i] = get(i);
	}
}

static void check(void *arg)
{
	struct controls *controls = arg;

	for (int i = 0; i < CONTROLS; i++)
		wl_check_eq(get(i), controls->state[i]);
}

int main(void)
{
	static struct controls child = { .wish = PR_SPEC_FORCE_DISABLE };
	static struct controls thread = { .wish = PR_SPEC_DISABLE };
	static struct controls leader = { .wish = PR_SPEC_ENABLE };

	wl_actor_fork(set, check, &child);
	wl_actor_thread(set, check, &thread);
	set(&leader);
	wl_ready_and_wait();
	check(&leader);
	wl_actors_finish();
	wl_pass();
}
