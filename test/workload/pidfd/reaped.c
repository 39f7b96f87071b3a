/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pairs of pidfds of a child and of a grandchild that have ended and are reaped. The members of
 * a pair have one inode, the pairs different ones; signals find nobody; and nothing remains of what
 * the restore needed for them: no child, no signal. A descriptor of one pair is a child's.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: needs kernel:6.9
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static ino_t inode(int fd)
{
	struct stat st;

	wl_try(fstat(fd, &st));
	return st.st_ino;
}

/* Two pidfds of a process that is gone. */
static void gone(int fds[2])
{
	pid_t pid = wl_fork();

	if (!pid)
		_exit(0);
	fds[0] = wl_try(syscall(SYS_pidfd_open, pid, 0));
	fds[1] = wl_try(syscall(SYS_pidfd_open, pid, 0));
	wl_reap(pid);
}

static void check_gone(int fd)
{
	wl_check(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0);
	wl_check_eq(errno, ESRCH);
}

int main(void)
{
	int one[2], two[2];
	sigset_t chld, pending;
	pid_t child;

	gone(one);
	gone(two);
	child = wl_fork_awaited();
	if (!child) {
		close(one[0]);
		close(two[0]);
		close(two[1]);
		wl_child_wait();
		check_gone(one[1]);
		_exit(0);
	}
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	wl_try(sigprocmask(SIG_BLOCK, &chld, NULL));

	wl_ready_and_wait();
	wl_try(sigpending(&pending));
	wl_check(!sigismember(&pending, SIGCHLD));
	wl_check_eq(waitpid(-1, NULL, WNOHANG | __WALL), 0);
	wl_check_eq(inode(one[0]), inode(one[1]));
	wl_check_eq(inode(two[0]), inode(two[1]));
	wl_check(inode(one[0]) != inode(two[0]));
	for (int i = 0; i < 2; i++) {
		check_gone(one[i]);
		check_gone(two[i]);
	}
	wl_finish(child);
	wl_pass();
}
