/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children stopped by SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU, the stop not yet reported: wait
 * reports each as stopped by just that signal; after SIGCONT it reads its byte and exits.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: crossing to CRIU refuses tasks stopped by SIGTTIN or SIGTTOU
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	static const int signals[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	struct stop stops[4];

	for (int i = 0; i < 4; i++) {
		/* An orphaned group ignores the latter three; these have their parent here. */
		stop_start(&stops[i], true, 0);
		stop_send(&stops[i], signals[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 4; i++)
		stop_check(&stops[i], signals[i]);
	for (int i = 0; i < 4; i++)
		stop_end(&stops[i]);
	wl_pass();
}
