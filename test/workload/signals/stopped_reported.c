/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child whose stop the parent has seen already: it must not be reported a second time, nor must
 * the parent's handler of SIGCHLD run again. Another one's stop was signalled, but not waited for:
 * that it must tell still.
 *
 *	wl: areas   signals
 *	wl: flavours host user unpriv ns userns
 *	wl: cycles  2
 *	wl: crossing none CRIU tells the parent again
 */
#define _GNU_SOURCE
#include "stop.h"

static int signalled;

static void on_child(int sig)
{
	(void)sig;
	__atomic_add_fetch(&signalled, 1, __ATOMIC_SEQ_CST);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	struct stop told, untold, running;
	int status;

	stop_start(&told, false, 0);
	stop_start(&untold, true, 0);
	stop_start(&running, false, 0);
	wl_try(sigaction(SIGCHLD, &action, NULL));
	stop_send(&told, SIGSTOP);
	stop_check(&told, SIGSTOP);
	stop_send(&untold, SIGTSTP);
	wl_check_eq(__atomic_load_n(&signalled, __ATOMIC_SEQ_CST), 2);
	wl_ready_and_wait();
	wl_await_state(told.pid, "T");
	wl_check_eq(__atomic_load_n(&signalled, __ATOMIC_SEQ_CST), 2);
	wl_check_eq(waitpid(told.pid, &status, WUNTRACED | WCONTINUED | WNOHANG), 0);
	wl_check_eq(waitpid(running.pid, &status, WUNTRACED | WCONTINUED | WNOHANG), 0);
	stop_check(&untold, SIGTSTP);
	stop_end(&told);
	stop_end(&untold);
	wl_check_eq(write(running.fds[1], "B", 1), 1);
	wl_reap(running.pid);
	wl_pass();
}
