/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Securebits with their locks, keep-caps among them, of children and of a thread.
 *
 *	wl: areas   creds threads
 *	wl: flavours host ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/securebits.h>
#include <sys/prctl.h>

static void set(void *arg)
{
	wl_try(prctl(PR_SET_SECUREBITS, *(unsigned long *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	unsigned long want = *(unsigned long *)arg;

	wl_check_eq(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), want);
	wl_check_eq(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), !!(want & SECBIT_KEEP_CAPS));
}

int main(void)
{
	static unsigned long values[] = {
		SECBIT_KEEP_CAPS,
		SECBIT_NOROOT | SECBIT_NOROOT_LOCKED,
		SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED,
		SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED |
			SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED,
	};

	for (int i = 0; i < 4; i++)
		wl_actor_fork(set, check, &values[i]);
	wl_actor_thread(set, check, &values[2]);
	wl_ready_and_wait();
	check(&(unsigned long){ 0 });
	wl_actors_finish();
	wl_pass();
}
