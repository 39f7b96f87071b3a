/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child stopped by SIGSTOP, its stop not yet consumed by the parent's wait.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	struct stop stop;

	stop_start(&stop, false, 0);
	stop_send(&stop, SIGSTOP);
	wl_ready_and_wait();
	stop_check(&stop, SIGSTOP);
	stop_end(&stop);
	wl_pass();
}
