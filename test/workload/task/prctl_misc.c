/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smaller attributes that prctl() knows: the machine-check policy, and the address that the
 * kernel clears when a thread ends.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no machine-check policy
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

struct state {
	int mce;
	void *tid_address;
};

static void set(void *arg)
{
	struct state *state = arg;

	wl_try(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, state->mce, 0, 0));
	wl_try(prctl(PR_GET_TID_ADDRESS, &state->tid_address, 0, 0, 0));
}

static void check(void *arg)
{
	struct state *state = arg;
	void *tid_address;

	wl_check_eq(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), state->mce);
	wl_try(prctl(PR_GET_TID_ADDRESS, &tid_address, 0, 0, 0));
	wl_check(tid_address == state->tid_address);
}

int main(void)
{
	static struct state child = { PR_MCE_KILL_EARLY, NULL };
	static struct state thread = { PR_MCE_KILL_LATE, NULL };

	wl_actor_fork(set, check, &child);
	wl_actor_thread(set, check, &thread);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
