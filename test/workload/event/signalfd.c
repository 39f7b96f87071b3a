/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking signal descriptor for one signal: another blocked signal is not read from it, the
 * right one is, with its number; and one for a real-time signal that was pending before.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int make(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return wl_try(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int main(void)
{
	int usr = make(SIGUSR1), other = make(SIGUSR2), rt = make(SIGRTMAX);
	struct signalfd_siginfo got;
	struct wl_fd saved;
	char *path = wl_format("/proc/self/fdinfo/%d", rt), *mask = wl_field(path, "sigmask");

	close(other);
	wl_try(sigqueue(getpid(), SIGRTMAX, (union sigval){ .sival_int = 77 }));
	wl_fd_save(usr, &saved);
	wl_ready_and_wait();
	wl_fd_check(usr, &saved);
	wl_check_text("mask", wl_field(path, "sigmask"), mask);
	wl_check_eq(fcntl(usr, F_GETFD), FD_CLOEXEC);
	wl_try(kill(getpid(), SIGUSR2));
	wl_check(read(usr, &got, sizeof(got)) < 0 && errno == EAGAIN);
	wl_try(kill(getpid(), SIGUSR1));
	wl_check_eq(read(usr, &got, sizeof(got)), sizeof(got));
	wl_check_eq(got.ssi_signo, SIGUSR1);
	wl_check_eq(got.ssi_pid, getpid());
	wl_check(read(usr, &got, sizeof(got)) < 0 && errno == EAGAIN);
	wl_check_eq(read(rt, &got, sizeof(got)), sizeof(got));
	wl_check_eq(got.ssi_signo, SIGRTMAX);
	wl_check_eq(got.ssi_int, 77);
	wl_pass();
}
