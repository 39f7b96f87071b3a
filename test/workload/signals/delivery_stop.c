/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child, traced by its own parent inside of the tree, is in the delivery stop of a signal
 * whose sender is an unreaped zombie by now. The relation can't be saved: the dump is refused,
 * and the tracer still reads the sender's pid, lets the child go on and sees it end.
 * (The program's name is no part of the expected text: logs hold it anyway.)
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused traced
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct wl_stage *go = wl_stage_new(), *ready = wl_stage_new();
	pid_t traced = wl_fork(), sender;
	siginfo_t info;
	int status;

	if (traced == 0) {
		wl_try(ptrace(PTRACE_TRACEME, 0, 0, 0));
		wl_stage_add(ready);
		wl_stage_await(go, 1);
		_exit(0);
	}
	wl_stage_await(ready, 1);
	sender = wl_fork();
	if (sender == 0) {
		wl_try(kill(traced, SIGUSR2));
		_exit(0);
	}
	wl_await_state(sender, "Z");
	wl_check_eq(waitpid(traced, &status, 0), traced);
	wl_check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR2);
	wl_ready_and_wait();
	wl_try(ptrace(PTRACE_GETSIGINFO, traced, 0, &info));
	wl_check_eq(info.si_pid, sender);
	wl_stage_add(go);
	wl_try(ptrace(PTRACE_CONT, traced, 0, 0));
	wl_reap(traced);
	wl_reap(sender);
	wl_pass();
}
