/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fifty files and the ends of pipes, in the same numbers before and after: every third is closed by
 * exec, some append, some don't block, some are the same description under another number and with
 * another FD_CLOEXEC.
 *
 * wl: areas files pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 50, FIRST = 10, PIPES = 60, DUPS = 70 };

static int fd_flags(int i)
{
	return i % 3 ? 0 : FD_CLOEXEC;
}

static int status(int i)
{
	return O_RDWR | (i % 4 ? 0 : O_APPEND) | (i % 5 ? 0 : O_NONBLOCK);
}

int main(void)
{
	const int shown = O_ACCMODE | O_APPEND | O_NONBLOCK;
	int ends[2];

	for (int i = 0; i < COUNT; i++) {
		wl_move_fd(wl_try(open(wl_format("file-%d", i), status(i) | O_CREAT, 0644)),
			   FIRST + i);
		wl_check_eq(lseek(FIRST + i, i * 7, SEEK_SET), i * 7);
		wl_try(fcntl(FIRST + i, F_SETFD, fd_flags(i)));
	}
	wl_try(pipe2(ends, O_NONBLOCK));
	wl_move_fd(ends[0], PIPES);
	wl_move_fd(ends[1], PIPES + 1);
	wl_try(fcntl(PIPES + 1, F_SETFD, FD_CLOEXEC));
	wl_try(dup3(FIRST + 1, DUPS, O_CLOEXEC));
	wl_try(dup3(PIPES + 1, DUPS + 1, 0));
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_check_eq(lseek(FIRST + i, 0, SEEK_CUR), i * 7);
		wl_check_eq(fcntl(FIRST + i, F_GETFL) & shown, status(i));
		wl_check_eq(fcntl(FIRST + i, F_GETFD), fd_flags(i));
	}
	wl_check_eq(fcntl(PIPES, F_GETFL) & shown, O_RDONLY | O_NONBLOCK);
	wl_check_eq(fcntl(PIPES, F_GETFD), 0);
	wl_check_eq(fcntl(PIPES + 1, F_GETFL) & shown, O_WRONLY | O_NONBLOCK);
	wl_check_eq(fcntl(PIPES + 1, F_GETFD), FD_CLOEXEC);
	wl_check_eq(fcntl(DUPS, F_GETFD), FD_CLOEXEC);
	wl_check_eq(fcntl(DUPS + 1, F_GETFD), 0);
	wl_check(wl_same_description(getpid(), FIRST + 1, getpid(), DUPS));
	wl_check(wl_same_description(getpid(), PIPES + 1, getpid(), DUPS + 1));
	wl_pass();
}
