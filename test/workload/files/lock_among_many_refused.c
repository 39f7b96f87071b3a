/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Among a hundred open files one has a POSIX lock, which fdinfo shows in the owner's table only:
 * dump is refused, and the lock stays where it is.
 *
 * wl: areas files
 * wl: expect dump-refused holds a POSIX lock
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 100, FIRST = 100, LOCKED = 50 };

int main(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4 };
	pid_t pid;

	for (int i = 0; i < COUNT; i++)
		wl_move_fd(wl_try(open(wl_format("file-%d", i), O_RDWR | O_CREAT, 0644)),
			   FIRST + i);
	wl_try(fcntl(FIRST + LOCKED, F_SETLK, &lock));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_wait();
		wl_try(fcntl(FIRST + LOCKED, F_GETLK, &lock));
		wl_check(lock.l_type == F_WRLCK && lock.l_pid == getppid() && lock.l_start == 3);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_finish(pid);
	wl_pass();
}
