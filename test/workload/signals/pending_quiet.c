/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with handlers for the signals by which the agent tells that it is done, one of which is
 * pending, as in a Go program that is about to preempt a thread of its own.
 *
 *	wl: areas   signals
 *	wl: flavours host user unpriv ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t taken;

static void count(int signo)
{
	(void)signo;
	taken++;
}

int main(void)
{
	sigset_t set;

	wl_try(signal(SIGURG, count) == SIG_ERR ? -1 : 0);
	wl_try(signal(SIGWINCH, count) == SIG_ERR ? -1 : 0);
	wl_try(signal(SIGCHLD, count) == SIG_ERR ? -1 : 0);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	sigprocmask(SIG_BLOCK, &set, NULL);
	wl_try(kill(getpid(), SIGURG));
	wl_ready_and_wait();
	wl_check_eq(taken, 0);
	wl_check_eq(sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 }), SIGURG);
	wl_check_eq(sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 }), -1);
	wl_pass();
}
