/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event counters: empty, set beyond 32 bits, full, blocking or not; one that parent and
 * child share, with an owner and a signal.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 *	wl: crossing from
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct {
	uint64_t count;
	int flags;
} kinds[] = {
	{ 0, 0 },
	{ 7, EFD_NONBLOCK },
	{ UINT64_C(0x123456789abcdef), EFD_NONBLOCK },
	{ UINT64_MAX - 1, EFD_NONBLOCK | EFD_CLOEXEC },
	{ 5, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t take(int fd)
{
	uint64_t got;

	wl_check_eq(read(fd, &got, sizeof(got)), sizeof(got));
	return got;
}

static void check_kind(int fd, uint64_t count, int flags)
{
	uint64_t one = 1;
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	wl_check_eq(wl_try(poll(&ready, 1, 0)), count != 0);
	if (count == UINT64_MAX - 1)
		wl_check(write(fd, &one, sizeof(one)) < 0 && errno == EAGAIN);
	if (count)
		wl_check_eq(take(fd), count);
	wl_check_eq(wl_try(poll(&ready, 1, 0)), 0);
	if (flags & EFD_NONBLOCK)
		wl_check(read(fd, &one, sizeof(one)) < 0 && errno == EAGAIN);
}

int main(void)
{
	struct wl_fd saved[KINDS];
	int fds[KINDS], shared = wl_try(eventfd(0, 0));
	uint64_t nine = 9;
	pid_t child;

	for (size_t i = 0; i < KINDS; i++) {
		fds[i] = wl_try(eventfd(0, kinds[i].flags));
		if (kinds[i].count)
			wl_try(write(fds[i], &kinds[i].count, sizeof(kinds[i].count)));
	}
	wl_try(fcntl(fds[1], F_SETSIG, SIGRTMIN + 1));
	wl_try(fcntl(fds[1], F_SETOWN, getpid()));
	for (size_t i = 0; i < KINDS; i++)
		wl_fd_save(fds[i], &saved[i]);
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		wl_try(write(shared, &nine, sizeof(nine)));
		_exit(0);
	}
	wl_ready_and_wait();
	for (size_t i = 0; i < KINDS; i++) {
		wl_fd_check(fds[i], &saved[i]);
		check_kind(fds[i], kinds[i].count, kinds[i].flags);
	}
	wl_finish(child);
	wl_check_eq(take(shared), 9);
	wl_pass();
}
