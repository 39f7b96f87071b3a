/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2000 open files, each at a position of its own, half of them shared with a child that has the
 * other half closed.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 2000, FIRST = 100 };

static void check(int step)
{
	for (int i = 0; i < COUNT; i += step)
		wl_check_eq(lseek(FIRST + i, 0, SEEK_CUR), i * 3);
}

int main(void)
{
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		wl_move_fd(wl_try(open(wl_format("file-%d", i), O_RDWR | O_CREAT, 0644)),
			   FIRST + i);
		wl_check_eq(lseek(FIRST + i, i * 3, SEEK_SET), i * 3);
	}
	pid = wl_fork_awaited();
	if (pid == 0) {
		for (int i = 1; i < COUNT; i += 2)
			close(FIRST + i);
		wl_child_wait();
		check(2);
		wl_check(fcntl(FIRST + 1, F_GETFD) < 0 && fcntl(FIRST + COUNT - 1, F_GETFD) < 0);
		_exit(0);
	}
	wl_ready_and_wait();
	check(1);
	for (int i = 0; i < COUNT; i += 2)
		if (!wl_same_description(getpid(), FIRST + i, pid, FIRST + i))
			wl_fail("descriptor %d is not shared", FIRST + i);
	wl_finish(pid);
	wl_pass();
}
