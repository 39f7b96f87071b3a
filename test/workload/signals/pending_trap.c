/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocked SIGTRAP is pending. CRIU refuses it, since it can't tell it from traps of its own;
 * who works without such traps may keep it, but never lose it. Refusal is what is expected.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused SIGTRAP
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <unistd.h>

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	wl_try(kill(getpid(), SIGTRAP));
	wl_ready_and_wait();
	wl_check_eq(sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 }), SIGTRAP);
	wl_pass();
}
