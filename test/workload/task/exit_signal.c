/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children made by clone() with another signal for their end than SIGCHLD, or with none: the
 * parent must get just that signal, with the child's status.
 *
 *	wl: areas   task signals
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no exit signal
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(int exit_signal, struct wl_stage *go)
{
	long pid = wl_try(syscall(SYS_clone, (long)exit_signal, NULL, NULL, NULL, NULL));

	if (pid)
		return pid;
	wl_stage_await(go, 1);
	_exit(9);
}

int main(void)
{
	struct wl_stage *go = wl_stage_new();
	sigset_t set;
	siginfo_t info;
	pid_t usr2, none;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	usr2 = start(SIGUSR2, go);
	none = start(0, go);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_await_state(usr2, "Z");
	wl_await_state(none, "Z");
	wl_check_eq(sigtimedwait(&set, &info, &(struct timespec){ 5, 0 }), SIGUSR2);
	wl_check_eq(info.si_pid, usr2);
	wl_check_eq(info.si_status, 9);
	wl_check_eq(sigtimedwait(&set, &info, &(struct timespec){ 0, 0 }), -1);
	/* Such children are seen with __WCLONE or __WALL only. */
	wl_check_eq(waitpid(-1, &status, WNOHANG), -1);
	wl_check_eq(errno, ECHILD);
	wl_check_eq(waitpid(usr2, &status, __WCLONE), usr2);
	wl_check_eq(waitpid(none, &status, __WALL), none);
	wl_check_eq(status, 9 << 8);
	wl_pass();
}
