/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rt_sigtimedwait with a limit, interrupted: it must give EAGAIN at its time, no EINTR.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user ns userns
 *	wl: idle
 */
#define _GNU_SOURCE
#include "restart.h"

#include <signal.h>

static long do_sigtimedwait(void)
{
	struct timespec time = { RESTART_SECONDS, 0 };
	uint64_t set = UINT64_C(1) << (SIGUSR2 - 1);

	wl_try(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8));
	return syscall(SYS_rt_sigtimedwait, &set, NULL, &time, 8);
}

static struct restart list[] = {
	RESTART("rt_sigtimedwait", SYS_rt_sigtimedwait, do_sigtimedwait, -EAGAIN, true),
	{ 0 },
};

int main(void)
{
	restart_begin(list);
	wl_ready_and_wait();
	restart_end(list, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
