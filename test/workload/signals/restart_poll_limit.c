/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of restart_poll with a timeout, which ends them, not before its time.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user ns userns
 *	wl: idle
 */
#define _GNU_SOURCE
#include "restart_poll.h"

int main(void)
{
	poll_prepare(true);
	restart_begin(list);
	wl_ready_and_wait();
	restart_end(list, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
