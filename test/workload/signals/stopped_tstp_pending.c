/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child with SIGTSTP blocked was stopped by SIGSTOP, and then got a SIGTSTP that stays
 * pending: both the stop and the pending signal are kept; it can be continued to its end.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	struct stop stop;

	stop_start(&stop, false, SIGTSTP);
	stop_send(&stop, SIGSTOP);
	wl_try(kill(stop.pid, SIGTSTP));
	wl_ready_and_wait();
	wl_check_eq(wl_status(stop.pid, "ShdPnd", 16), 1UL << (SIGTSTP - 1));
	stop_check(&stop, SIGSTOP);
	stop_end(&stop);
	wl_pass();
}
