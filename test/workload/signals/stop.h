/* SPDX-License-Identifier: Apache-2.0 */
/* Children that are stopped over the dump, and then continue to a normal end. */
#ifndef WORKLOAD_SIGNALS_STOP_H
#define WORKLOAD_SIGNALS_STOP_H

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

struct stop {
	pid_t pid;
	int fds[2];
};

/* A child, in a group of its own where told, that reads one byte and exits. */
static inline void stop_start(struct stop *stop, bool own_group, int block)
{
	sigset_t set;
	char byte;

	wl_try(pipe(stop->fds));
	stop->pid = wl_fork();
	if (stop->pid) {
		if (own_group)
			setpgid(stop->pid, stop->pid);
		wl_await_call(stop->pid, SYS_read);
		return;
	}
	if (own_group)
		setpgid(0, 0);
	sigemptyset(&set);
	if (block) {
		sigaddset(&set, block);
		wl_try(sigprocmask(SIG_BLOCK, &set, NULL));
	}
	/* No loop: a read that ends with EINTR is a failure. */
	wl_check_eq(read(stop->fds[0], &byte, 1), 1);
	wl_check_eq(byte, 'B');
	_exit(0);
}

/* The parent is told when the last thread stops, which need not be the first one. */
static inline void stop_send(struct stop *stop, int sig)
{
	struct dirent *e;
	DIR *tasks;

	wl_try(kill(stop->pid, sig));
	tasks = opendir(wl_format("/proc/%d/task", stop->pid));
	wl_check(tasks);
	while ((e = readdir(tasks)))
		if (e->d_name[0] != '.')
			wl_await_state(atoi(e->d_name), "T");
	closedir(tasks);
}

/* The child is stopped, by that signal, and its parent was not told before. */
static inline void stop_check(struct stop *stop, int sig)
{
	siginfo_t info = { 0 };
	int status;

	wl_await_state(stop->pid, "T");
	wl_try(waitid(P_PID, stop->pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT));
	wl_check_eq(info.si_pid, stop->pid);
	wl_check_eq(info.si_code, CLD_STOPPED);
	wl_check_eq(info.si_status, sig);
	wl_check_eq(waitpid(stop->pid, &status, WUNTRACED | WNOHANG), stop->pid);
	wl_check(WIFSTOPPED(status));
	wl_check_eq(WSTOPSIG(status), sig);
}

/* Goes on and ends; a child that runs already would have answered before. */
static inline void stop_end(struct stop *stop)
{
	int status;

	wl_check_eq(write(stop->fds[1], "B", 1), 1);
	wl_sleep_ms(20);
	wl_check_eq(waitpid(stop->pid, &status, WNOHANG), 0);
	wl_try(kill(stop->pid, SIGCONT));
	wl_reap(stop->pid);
}

#endif
