/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading end of a pipe with an int in it, fetched from a child by pidfd_getfd when the parent
 * had closed its own: it gives the int afterwards, and a signal through the pidfd ends the child.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

int main(void)
{
	int pipe_fds[2], pidfd, fetched, number = 4711, got = 0;
	pid_t child;

	wl_try(pipe(pipe_fds));
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		_exit(0);
	}
	close(pipe_fds[0]);
	wl_check_eq(write(pipe_fds[1], &number, sizeof(number)), sizeof(number));
	close(pipe_fds[1]);
	pidfd = wl_try(syscall(SYS_pidfd_open, child, 0));
	fetched = wl_try(syscall(SYS_pidfd_getfd, pidfd, pipe_fds[0], 0));

	wl_ready_and_wait();
	wl_check_eq(read(fetched, &got, sizeof(got)), sizeof(got));
	wl_check_eq(got, number);
	wl_check(wl_same_description(getpid(), fetched, child, pipe_fds[0]));
	wl_try(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
	wl_reap(child);
	wl_pass();
}
