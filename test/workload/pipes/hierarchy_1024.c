/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1,024 pipes over a chain of 32 processes: each inherits all reading ends so far, makes 32 pipes
 * of its own, and has closed the writing ends of its ancestors; then each writes its last words,
 * which the first process reads, and their end.
 *
 * wl: areas pipes
 * wl: timeout 120
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workload.h"

enum { DEPTH = 32, EACH = 32, BASE = 100 };

static void link_of(int level, int *up)
{
	int fd[EACH][2];
	pid_t pid = 0;

	for (int i = 0; i < EACH; i++) {
		wl_try(pipe(fd[i]));
		wl_check_eq(write(fd[i][1], &level, sizeof(level)), sizeof(level));
	}
	if (level + 1 < DEPTH) {
		pid = wl_fork_awaited();
		if (pid == 0) {
			for (int i = 0; i < EACH; i++)
				close(fd[i][1]);
			link_of(level + 1, fd[0]);
		}
	}
	if (level)
		wl_child_wait();
	else
		wl_ready_and_wait();
	for (int i = 0; i < EACH; i++) {
		int got[3] = { -1, -1, -1 };

		wl_check_eq(write(fd[i][1], &i, sizeof(i)), sizeof(i));
		close(fd[i][1]);
		wl_check_eq(read(fd[i][0], got, sizeof(got)), 2 * sizeof(int));
		wl_check(got[0] == level && got[1] == i);
		wl_check_eq(read(fd[i][0], got, sizeof(got)), 0);
	}
	if (up)
		wl_check(read(up[0], fd, 0) == 0);
	if (pid)
		wl_finish(pid);
	if (level)
		_exit(0);
	wl_pass();
}

int main(void)
{
	struct rlimit limit;

	wl_try(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	wl_try(setrlimit(RLIMIT_NOFILE, &limit));
	link_of(0, NULL);
}
