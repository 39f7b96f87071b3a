/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pidfds of threads that are not their process' leader (PIDFD_THREAD): a signal sent through one
 * comes to that very thread, dup'ed numbers are one description, flags are kept, and the end of the
 * thread is told.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: needs kernel:6.9
 * wl: crossing none CRIU 4.2 refuses pidfds of threads
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static volatile pid_t tids[2], told[2];

static void handler(int sig)
{
	told[sig == SIGUSR2] = gettid();
}

static void *wait_for_signal(void *arg)
{
	int which = *(int *)arg;

	tids[which] = gettid();
	while (!told[which])
		wl_sleep_ms(1);
	return NULL;
}

static void check_kept(int fd, pid_t tid, int flags)
{
	char *path = wl_format("/proc/self/fdinfo/%d", fd);

	wl_check_eq(atoi(wl_field(path, "Pid")), tid);
	wl_check_eq(fcntl(fd, F_GETFL) & (O_EXCL | O_NONBLOCK), flags);
}

int main(void)
{
	struct pollfd end = { .events = POLLIN };
	pthread_t threads[2];
	int which[2] = { 0, 1 }, fd[2], second;

	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	for (int i = 0; i < 2; i++) {
		wl_check_eq(pthread_create(&threads[i], NULL, wait_for_signal, &which[i]), 0);
		while (!tids[i])
			wl_sleep_ms(1);
		fd[i] = wl_try(syscall(SYS_pidfd_open, tids[i], O_EXCL | (i ? O_NONBLOCK : 0)));
	}
	second = wl_move_fd(wl_try(dup(fd[0])), 77);
	wl_ready_and_wait();
	check_kept(fd[0], tids[0], O_EXCL);
	check_kept(fd[1], tids[1], O_EXCL | O_NONBLOCK);
	wl_check(wl_same_description(getpid(), fd[0], getpid(), second));
	wl_check_eq(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	wl_check_eq(fcntl(second, F_GETFD), 0);
	wl_try(syscall(SYS_pidfd_send_signal, second, SIGUSR1, NULL, 0));
	wl_try(syscall(SYS_pidfd_send_signal, fd[1], SIGUSR2, NULL, 0));
	for (int i = 0; i < 2; i++) {
		end.fd = fd[i];
		wl_check_eq(poll(&end, 1, 5000), 1);
		wl_check_eq(pthread_join(threads[i], NULL), 0);
		wl_check_eq(told[i], tids[i]);
	}
	wl_pass();
}
