/* SPDX-License-Identifier: Apache-2.0 */
/* A process that forks ten children at a time, which write a byte into a pipe and end. */
#ifndef WORKLOAD_TASK_STORM_H
#define WORKLOAD_TASK_STORM_H

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#define STORM_WIDTH 10

static void storm_round(unsigned int life_ms)
{
	char bytes[STORM_WIDTH];
	pid_t pids[STORM_WIDTH];
	ssize_t have = 0, n;
	int fds[2];

	wl_try(pipe2(fds, O_CLOEXEC));
	for (int i = 0; i < STORM_WIDTH; i++) {
		pids[i] = wl_fork();
		if (pids[i] == 0) {
			if (life_ms)
				wl_sleep_ms(life_ms);
			wl_check_eq(write(fds[1], "x", 1), 1);
			_exit(0);
		}
	}
	for (int i = 0; i < STORM_WIDTH; i++)
		wl_reap(pids[i]);
	close(fds[1]);
	while ((n = read(fds[0], bytes, sizeof(bytes))) > 0)
		have += n;
	wl_check_eq(n, 0);
	wl_check_eq(have, STORM_WIDTH);
	close(fds[0]);
}

static void storm(unsigned int life_ms)
{
	unsigned long rounds = 0;

	storm_round(life_ms);
	wl_ready();
	while (!wl_should_stop()) {
		storm_round(life_ms);
		rounds++;
	}
	wl_check(rounds > 0);
	/* Nobody is left over: neither a lost child nor a helper of the tool. */
	wl_check_eq(waitpid(-1, NULL, WNOHANG), -1);
	wl_check_eq(errno, ECHILD);
}

#endif
