/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child whose stop the parent has seen already: it must not be reported a second time.
 *
 *	wl: areas   signals
 *	wl: limit   whether a stop was already reported to the parent
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	struct stop stop;
	int status;

	stop_start(&stop, false, 0);
	stop_send(&stop, SIGSTOP);
	stop_check(&stop, SIGSTOP);
	wl_ready_and_wait();
	wl_await_state(stop.pid, "T");
	wl_check_eq(waitpid(stop.pid, &status, WUNTRACED | WNOHANG), 0);
	stop_end(&stop);
	wl_pass();
}
