/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pidfds of a child, which is a grandchild's parent, of the grandchild, of the process itself, of a
 * zombie, one that does not block, and one that two processes share. Each leads to the same process
 * afterwards: a signal through it ends that one, waiting by it gives the zombie's status.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_of(pid_t pid, unsigned int flags)
{
	return wl_try(syscall(SYS_pidfd_open, pid, flags));
}

static pid_t shown(int fd)
{
	char *path = wl_format("/proc/self/fdinfo/%d", fd), *pid = wl_field(path, "Pid");
	pid_t ret = atoi(pid);

	free(path);
	free(pid);
	return ret;
}

static void kill_by(int fd, int sig)
{
	wl_try(syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0));
}

static void reap_by(int fd, int code, int status)
{
	siginfo_t info;

	wl_try(waitid(P_PIDFD, fd, &info, WEXITED));
	wl_check_eq(info.si_code, code);
	wl_check_eq(info.si_status, status);
}

int main(void)
{
	int self, child_fd, grand_fd, zombie_fd, patient, from_child[2];
	struct pollfd poll_grand = { .events = POLLIN };
	pid_t child, grand, zombie;
	int flags;

	wl_try(pipe(from_child));
	self = pidfd_of(getpid(), 0);
	child = wl_try(fork());
	if (!child) {
		pid_t its = wl_try(fork());

		signal(SIGTERM, SIG_DFL);
		wl_try(sigprocmask(SIG_UNBLOCK, &(sigset_t){ { 1ul << (SIGTERM - 1) } }, NULL));
		if (its)
			wl_try(write(from_child[1], &its, sizeof(its)));
		for (;;)
			pause();
	}
	wl_check_eq(read(from_child[0], &grand, sizeof(grand)), sizeof(grand));
	close(from_child[0]);
	close(from_child[1]);
	zombie = wl_try(fork());
	if (!zombie) {
		/* CRIU does not keep the mask of a zombie. */
		wl_try(sigprocmask(SIG_SETMASK, &(sigset_t){ 0 }, NULL));
		_exit(7);
	}
	wl_await_state(zombie, "Z");
	child_fd = pidfd_of(child, 0);
	grand_fd = pidfd_of(grand, 0);
	patient = pidfd_of(grand, O_NONBLOCK);
	zombie_fd = pidfd_of(zombie, 0);
	flags = fcntl(patient, F_GETFL);
	wl_try(fcntl(child_fd, F_SETFD, 0));

	wl_ready_and_wait();
	wl_check_eq(shown(self), getpid());
	wl_check_eq(shown(child_fd), child);
	wl_check_eq(shown(grand_fd), grand);
	wl_check_eq(shown(zombie_fd), zombie);
	wl_check_eq(fcntl(patient, F_GETFL), flags);
	wl_check_eq(fcntl(child_fd, F_GETFD), 0);
	wl_check_eq(fcntl(grand_fd, F_GETFD), FD_CLOEXEC);
	poll_grand.fd = grand_fd;
	wl_check_eq(poll(&poll_grand, 1, 0), 0);
	kill_by(grand_fd, SIGTERM);
	wl_check_eq(poll(&poll_grand, 1, 10000), 1);
	kill_by(child_fd, SIGKILL);
	reap_by(child_fd, CLD_KILLED, SIGKILL);
	reap_by(zombie_fd, CLD_EXITED, 7);
	wl_pass();
}
