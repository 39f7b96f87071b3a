/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two dup'ed descriptors and one from a separate open, inherited by a child: what is one open file
 * description stays one (kcmp; seeks of the parent are seen by the child), what is not doesn't
 * become one, and only one of the dups is close-on-exec.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int a = wl_try(open("file", O_RDWR | O_CREAT, 0644)), b, c;
	pid_t pid;

	b = wl_try(fcntl(a, F_DUPFD_CLOEXEC, 50));
	c = wl_try(open("file", O_RDWR));
	wl_try(ftruncate(a, 5000));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_wait();
		wl_check_eq(lseek(a, 0, SEEK_CUR), 1000);
		wl_check_eq(lseek(b, 0, SEEK_CUR), 1000);
		wl_check_eq(lseek(c, 0, SEEK_CUR), 500);
		wl_check_eq(fcntl(a, F_GETFD), 0);
		wl_check_eq(fcntl(b, F_GETFD), FD_CLOEXEC);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_same_description(getpid(), a, getpid(), b));
	wl_check(wl_same_description(getpid(), a, pid, b));
	wl_check(wl_same_description(getpid(), c, pid, c));
	wl_check(!wl_same_description(getpid(), a, getpid(), c));
	wl_check(!wl_same_description(getpid(), a, pid, c));
	wl_check_eq(fcntl(a, F_GETFD), 0);
	wl_check_eq(fcntl(b, F_GETFD), FD_CLOEXEC);
	wl_check_eq(lseek(a, 1000, SEEK_SET), 1000);
	wl_check_eq(lseek(c, 500, SEEK_SET), 500);
	wl_finish(pid);
	wl_pass();
}
