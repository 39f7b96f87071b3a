/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that wait for descriptors, on an empty pipe, with or without a timeout: those that the
 * processor's table has, which lacks the older ones on newer processors.
 */
#ifndef WORKLOAD_SIGNALS_RESTART_POLL_H
#define WORKLOAD_SIGNALS_RESTART_POLL_H

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "restart.h"

static int fds[2], epoll;
static bool timed;

#define LIMIT_MS (timed ? RESTART_SECONDS * 1000 : -1)

static struct timespec *limit(struct timespec *time)
{
	*time = (struct timespec){ RESTART_SECONDS, 0 };
	return timed ? time : NULL;
}

#ifdef SYS_poll
static long do_poll(void)
{
	struct pollfd pollfd = { .fd = fds[0], .events = POLLIN };

	return syscall(SYS_poll, &pollfd, 1, LIMIT_MS);
}
#endif

static long do_ppoll(void)
{
	struct pollfd pollfd = { .fd = fds[0], .events = POLLIN };
	struct timespec time;
	uint64_t mask = ~UINT64_C(0);

	return syscall(SYS_ppoll, &pollfd, 1, limit(&time), &mask, 8);
}

#ifdef SYS_select
static long do_select(void)
{
	struct timeval time = { RESTART_SECONDS, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	return syscall(SYS_select, fds[0] + 1, &set, NULL, NULL, timed ? &time : NULL);
}
#endif

static long do_pselect(void)
{
	struct timespec time;
	uint64_t mask = ~UINT64_C(0);
	const void *sigmask[2] = { &mask, (void *)8 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	return syscall(SYS_pselect6, fds[0] + 1, &set, NULL, NULL, limit(&time), sigmask);
}

#ifdef SYS_epoll_wait
static long do_epoll_wait(void)
{
	struct epoll_event event;

	return syscall(SYS_epoll_wait, epoll, &event, 1, LIMIT_MS);
}
#endif

static long do_epoll_pwait(void)
{
	struct epoll_event event;
	uint64_t mask = ~UINT64_C(0);

	return syscall(SYS_epoll_pwait, epoll, &event, 1, LIMIT_MS, &mask, 8);
}

static long do_epoll_pwait2(void)
{
	struct epoll_event event;
	struct timespec time;

	return syscall(SYS_epoll_pwait2, epoll, &event, 1, limit(&time), NULL, 8);
}

static struct restart list[] = {
#ifdef SYS_poll
	{ .name = "poll", .nr = SYS_poll, .call = do_poll },
#endif
	{ .name = "ppoll", .nr = SYS_ppoll, .call = do_ppoll },
#ifdef SYS_select
	{ .name = "select", .nr = SYS_select, .call = do_select },
#endif
	{ .name = "pselect6", .nr = SYS_pselect6, .call = do_pselect },
#ifdef SYS_epoll_wait
	{ .name = "epoll_wait", .nr = SYS_epoll_wait, .call = do_epoll_wait },
#endif
	{ .name = "epoll_pwait", .nr = SYS_epoll_pwait, .call = do_epoll_pwait },
	{ .name = "epoll_pwait2", .nr = SYS_epoll_pwait2, .call = do_epoll_pwait2, .young = true },
	{ 0 },
};

static inline void poll_prepare(bool with_limit)
{
	struct epoll_event event = { .events = EPOLLIN };

	timed = with_limit;
	wl_try(pipe(fds));
	epoll = wl_try(epoll_create1(0));
	wl_try(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event));
	for (struct restart *it = list; it->name; it++) {
		it->timed = with_limit;
		it->want = !with_limit;
	}
}

#endif
