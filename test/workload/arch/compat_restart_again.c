/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit calls with a time limit that were interrupted before the dump, by SIGSTOP and by a tracer,
 * twice each: no EINTR, and none ends early.
 *
 *	wl: areas   arch signals timers
 *	wl: flavours host user ns userns
 *	wl: needs   32bit
 *	wl: cflags  -m32
 *	wl: cycles  2
 *	wl: idle
 */
#define _GNU_SOURCE
#define AGAIN_CALL 0 /* restart_syscall of i386 */
#include "../signals/restart_again.h"

int main(void)
{
	wl_try(pipe(again_pipe));
	restart_begin(again);
	again_disturb(again);
	wl_ready_and_wait();
	restart_end(again, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
