/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted poll, ppoll, select, pselect6, epoll_wait, epoll_pwait and epoll_pwait2 without
 * a limit: they go on waiting, and end when the pipe gets its byte. (The epoll calls fail with
 * EINTR in any tracing stop, in the kernel itself: the tool has to start them again.)
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "restart_poll.h"

int main(void)
{
	poll_prepare(false);
	restart_begin(list);
	wl_ready_and_wait();
	restart_still(list);
	wl_check_eq(write(fds[1], "x", 1), 1);
	restart_end(list, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
