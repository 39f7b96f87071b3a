/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopped children with a further SIGSTOP pending, process-directed and thread-directed: they
 * are stopped, can be continued, and the pending one then stops nobody who got SIGCONT.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU does not end when it restores a second stop, and loses it when it dumps
 *	wl: left    the signal stops the task once more, which nobody can tell
 */
#define _GNU_SOURCE
#include "stop.h"

int main(void)
{
	struct stop process, thread;

	stop_start(&process, false, 0);
	stop_send(&process, SIGSTOP);
	wl_try(kill(process.pid, SIGSTOP));
	stop_start(&thread, false, 0);
	stop_send(&thread, SIGSTOP);
	wl_try(syscall(SYS_tgkill, thread.pid, thread.pid, SIGSTOP));
	wl_check_eq(wl_status(process.pid, "ShdPnd", 16), 1UL << (SIGSTOP - 1));
	wl_check_eq(wl_status(thread.pid, "SigPnd", 16), 1UL << (SIGSTOP - 1));
	wl_ready_and_wait();
	stop_check(&process, SIGSTOP);
	stop_check(&thread, SIGSTOP);
	stop_end(&process);
	stop_end(&thread);
	wl_pass();
}
