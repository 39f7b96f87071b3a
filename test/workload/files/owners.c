/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners of descriptors for signals: a process, a process group, a thread (F_SETOWN_EX), another
 * process of the tree, with F_SETSIG and without, on files, pipes and a directory.
 *
 * wl: areas files pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 7 };

int main(void)
{
	struct f_owner_ex owner[COUNT] = {
		{ F_OWNER_PID, getpid() }, { F_OWNER_PGRP, getpgrp() }, { F_OWNER_TID, gettid() },
		{ F_OWNER_PID, 0 },	   { F_OWNER_PID, getpid() },	{ F_OWNER_PGRP, 0 },
		{ F_OWNER_PID, getpid() },
	};
	const int sig[COUNT] = { 0, SIGUSR1, SIGRTMIN + 3, SIGIO, SIGURG, 0, SIGUSR2 };
	struct wl_fd state[COUNT];
	int fd[COUNT], fds[2];
	pid_t child = wl_fork_awaited();

	if (child == 0) {
		wl_try(setpgid(0, 0));
		wl_child_wait();
		_exit(0);
	}
	owner[3].pid = child;
	owner[5].pid = child;
	for (int i = 0; i < 4; i++)
		fd[i] = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	fd[4] = wl_try(open(".", O_RDONLY));
	wl_try(pipe(fds));
	fd[5] = fds[0];
	fd[6] = fds[1];
	for (int i = 0; i < COUNT; i++) {
		wl_try(fcntl(fd[i], F_SETOWN_EX, &owner[i]));
		wl_try(fcntl(fd[i], F_SETSIG, sig[i]));
		wl_fd_save(fd[i], &state[i]);
		wl_check_eq(state[i].owner_pid, owner[i].pid);
		wl_check_eq(state[i].owner_type, owner[i].type);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_finish(child);
	wl_pass();
}
