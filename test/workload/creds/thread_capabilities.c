/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread cleared one effective and one inheritable capability and set two others, so
 * that its sets differ from the leader's.
 *
 *	wl: areas   creds threads
 *	wl: flavours host
 */
#define _GNU_SOURCE
#include "caps.h"

static struct caps leader, thread;

static void set(void *arg)
{
	(void)arg;
	caps_get(&thread);
	thread.effective &= ~CAP_BIT(CAP_KILL);
	thread.effective |= CAP_BIT(CAP_CHOWN);
	thread.inheritable &= ~CAP_BIT(CAP_FOWNER);
	thread.inheritable |= CAP_BIT(CAP_SETGID);
	caps_set(&thread);
}

static void check(void *arg)
{
	caps_check(arg);
}

int main(void)
{
	caps_get(&leader);
	leader.effective &= ~CAP_BIT(CAP_CHOWN);
	leader.inheritable = CAP_BIT(CAP_FOWNER);
	caps_set(&leader);
	wl_actor_thread(set, check, &thread);
	wl_ready_and_wait();
	caps_check(&leader);
	wl_actors_finish();
	wl_pass();
}
