/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child stopped by SIGTSTP in a process group of its own: wait reports the same stop code and
 * that signal, not SIGSTOP.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	struct stop stop;

	stop_start(&stop, true, 0);
	stop_send(&stop, SIGTSTP);
	wl_ready_and_wait();
	wl_check_eq(getpgid(stop.pid), stop.pid);
	stop_check(&stop, SIGTSTP);
	stop_end(&stop);
	wl_pass();
}
