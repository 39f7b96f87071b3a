/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forty eventfds of one kind, timerfds, signalfds and an epoll, in the same numbers before and
 * after: every third is closed by exec, every tenth eventfd is the same description under a second
 * number, with the other FD_CLOEXEC, and one number more is a child's.
 *
 * wl: areas epoll-and-event-fds
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 40, FIRST = 10, DUPS = 60, TIMERS = 70, SIGNALS = 80, SET = 90, EACH = 5 };

static int fd_flags(int i)
{
	return i % 3 ? 0 : FD_CLOEXEC;
}

static void place(int fd, int number, int i)
{
	wl_move_fd(fd, number);
	wl_try(fcntl(number, F_SETFD, fd_flags(i)));
}

static void make(void)
{
	sigset_t set;

	for (int i = 0; i < COUNT; i++) {
		place(wl_try(eventfd(i % 2, EFD_NONBLOCK)), FIRST + i, i);
		if (i % 10 == 0)
			wl_try(dup3(FIRST + i, DUPS + i / 10, fd_flags(i) ? 0 : O_CLOEXEC));
	}
	for (int i = 0; i < EACH; i++) {
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + i);
		place(wl_try(timerfd_create(CLOCK_MONOTONIC, 0)), TIMERS + i, i);
		place(wl_try(signalfd(-1, &set, 0)), SIGNALS + i, i);
	}
	place(wl_try(epoll_create1(0)), SET, 0);
	for (int i = 0; i < COUNT; i++)
		wl_try(epoll_ctl(SET, EPOLL_CTL_ADD, FIRST + i,
				 &(struct epoll_event){ EPOLLIN, { .u32 = i } }));
}

/* Which eventfd has a count of one is all that tells them apart. */
static void check_ready(void)
{
	struct epoll_event events[COUNT];
	int n = wl_try(epoll_wait(SET, events, COUNT, 0));

	wl_check_eq(n, COUNT / 2);
	for (int i = 0; i < n; i++)
		wl_check_eq(events[i].data.u32 % 2, 1);
}

static void check_numbers(pid_t child)
{
	for (int i = 0; i < COUNT; i++) {
		wl_check_eq(fcntl(FIRST + i, F_GETFD), fd_flags(i));
		wl_check(wl_same_description(getpid(), FIRST + i, child, FIRST + i));
		wl_check(!i || !wl_same_description(getpid(), FIRST + i, getpid(), FIRST + i - 1));
		if (i % 10)
			continue;
		wl_check(wl_same_description(getpid(), FIRST + i, getpid(), DUPS + i / 10));
		wl_check_eq(fcntl(DUPS + i / 10, F_GETFD), fd_flags(i) ? 0 : FD_CLOEXEC);
	}
	for (int i = 0; i < EACH; i++) {
		wl_check_eq(fcntl(TIMERS + i, F_GETFD), fd_flags(i));
		wl_check_eq(fcntl(SIGNALS + i, F_GETFD), fd_flags(i));
	}
}

int main(void)
{
	pid_t child;

	make();
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		_exit(0);
	}
	wl_ready_and_wait();
	check_ready();
	check_numbers(child);
	wl_finish(child);
	wl_pass();
}
