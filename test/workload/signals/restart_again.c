/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps, polls and waits for futexes that were interrupted before the dump, by SIGSTOP and by a
 * tracer, twice each: no EINTR, and none ends early.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user unpriv ns userns
 *	wl: cycles  2
 *	wl: idle
 */
#define _GNU_SOURCE
#define AGAIN_CALL SYS_restart_syscall
#include "restart_again.h"

int main(void)
{
	wl_try(pipe(again_pipe));
	restart_begin(again);
	again_disturb(again);
	wl_ready_and_wait();
	restart_end(again, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
