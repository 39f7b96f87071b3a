/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with credentials (SCM_CREDENTIALS) for sockets that ask for them: of living processes,
 * of one that has ended, and of other users, in a stream, where they are bounds, and in datagrams.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU gives the ids of whoever sends them anew
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>

#include "unix.h"

static void receive(int fd, const char *text, pid_t pid, uid_t uid)
{
	char control[256], buf[64];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct ucred creds;

	wl_check_eq(recvmsg(fd, &m, MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
	c = CMSG_FIRSTHDR(&m);
	wl_check(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&creds, CMSG_DATA(c), sizeof(creds));
	wl_check_eq(creds.pid, pid);
	wl_check_eq(creds.uid, uid);
	wl_check_eq(creds.gid, uid ? 300 : 0);
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	int fds[2][2], on = 1;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		wl_try(socketpair(AF_UNIX, types[i], 0, fds[i]));
		wl_try(setsockopt(fds[i][1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		wl_check_eq(write(fds[i][0], "parent", 6), 6);
	}
	for (int k = 0; k < 2; k++) {
		pid[k] = k ? wl_fork_awaited() : wl_fork();
		if (pid[k]) {
			if (!k)
				wl_reap(pid[k]);
			continue;
		}
		wl_try(syscall(SYS_setresgid, 300, 300, 0));
		wl_try(syscall(SYS_setresuid, 200 + k, 200 + k, 0));
		for (int i = 0; i < 2; i++)
			wl_check_eq(write(fds[i][0], k ? "living" : "dead", k ? 6 : 4), k ? 6 : 4);
		if (k)
			wl_child_wait();
		exit(0);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		receive(fds[i][1], "parent", getpid(), 0);
		receive(fds[i][1], "dead", pid[0], 200);
		receive(fds[i][1], "living", pid[1], 201);
		un_expect_empty(fds[i][1]);
	}
	wl_finish(pid[1]);
	wl_pass();
}
