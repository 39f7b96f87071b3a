/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zombie that dumped core: the core flag of its wait status.
 *
 *	wl: areas   task
 *	wl: limit   a zombie's "core dumped" flag
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct rlimit limit;
	siginfo_t info = { 0 };
	pid_t pid = wl_fork();
	int status;

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		wl_try(getrlimit(RLIMIT_CORE, &limit));
		limit.rlim_cur = limit.rlim_max;
		wl_try(setrlimit(RLIMIT_CORE, &limit));
		kill(getpid(), SIGABRT);
		_exit(1);
	}
	wl_await_state(pid, "Z");
	wl_try(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	wl_check_eq(info.si_code, CLD_DUMPED);
	wl_ready_and_wait();
	wl_check_eq(waitpid(pid, &status, 0), pid);
	wl_check_eq(status, SIGABRT | 0x80);
	wl_pass();
}
