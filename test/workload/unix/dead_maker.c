/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram pair that was made by a child that has ended since, with another user and group: it
 * shared the table of descriptors. Both ends say that pid, uid and gid of their peer.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU gives the ids of whoever makes them
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "unix.h"

static int fds[2];

static int child(void *arg)
{
	(void)arg;
	if (syscall(SYS_setresgid, 58467, 58467, 58467) < 0 ||
	    syscall(SYS_setresuid, 18943, 18943, 18943) < 0)
		return 1;
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0;
}

static void check(int fd, pid_t pid)
{
	struct ucred creds;
	socklen_t len = sizeof(creds);

	wl_try(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &len));
	wl_check_eq(creds.pid, pid);
	wl_check_eq(creds.uid, 18943);
	wl_check_eq(creds.gid, 58467);
}

int main(void)
{
	static char stack[65536];
	pid_t pid =
		wl_try(clone(child, stack + sizeof(stack), CLONE_FILES | CLONE_VM | SIGCHLD, NULL));

	wl_reap(pid);
	check(fds[0], pid);
	wl_ready_and_wait();
	check(fds[0], pid);
	check(fds[1], pid);
	un_both_ways(fds[0], fds[1]);
	wl_pass();
}
