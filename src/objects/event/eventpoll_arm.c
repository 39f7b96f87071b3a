/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding one watch to an epoll (restore).
 *
 * A watch with EPOLLONESHOT that has fired has lost its events (ep_send_events() in
 * fs/eventpoll.c), also EPOLLERR and EPOLLHUP, which EPOLL_CTL_ADD and EPOLL_CTL_MOD always add. So
 * it is added for everything, and fires here. That takes a target that is ready for something: what
 * can be written mostly is; the reading end of an empty pipe is given a byte. Others keep the two
 * events, which most of them (timerfd, signalfd, inotify, epoll) never make.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "objects/event/eventpoll.h"

/* Bits that say how, not what (EP_PRIVATE_BITS); and those that say what. */
#define HOW_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define WHAT_BITS                                                                                  \
	(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND)

bool watch_is_spent(const struct watch *w)
{
	return w->e->events & EPOLLONESHOT && !(w->e->events & ~(uint32_t)HOW_BITS);
}

/* Only spent watches are in the set: the one that can fire is the one that is not spent yet. */
static bool fires(int epoll)
{
	struct epoll_event got;

	return epoll_wait(epoll, &got, 1, 0) == 1;
}

/* A byte in the pipe, and out again; nobody else runs yet. */
static bool fires_by_byte(int epoll, int target)
{
	_cleanup_fd_ int writer = -1;
	char path[32], byte = 0;
	struct stat st;
	bool fired;

	if (fstat(target, &st) < 0 || !S_ISFIFO(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	writer = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (writer < 0 || write(writer, &byte, 1) != 1)
		return false;
	fired = fires(epoll);
	return read(writer, &byte, 1) == 1 && fired;
}

static int spend(const struct watch *w, int epoll, int target)
{
	struct epoll_event event = { .events = w->e->events | WHAT_BITS, .data.u64 = w->e->data };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w->number, &event) < 0)
		return -1;
	if (fires(epoll) || fires_by_byte(epoll, target))
		return 0;
	event.events = w->e->events;
	return epoll_ctl(epoll, EPOLL_CTL_MOD, w->number, &event);
}

int watch_arm(struct restore_task *t, const struct restore_file *epoll, const struct watch *w,
	      int fd, int target)
{
	struct epoll_event event = { .events = w->e->events, .data.u64 = w->e->data };
	struct number_loan loan;
	int ret = 0, back;

	/* The number may happen to be where the tool has the epoll itself. */
	_cleanup_fd_ int moved = fd == w->number ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	int set = moved >= 0 ? moved : fd;

	back = number_borrow(target, w->number, &loan);
	if (back == 0) {
		if (watch_is_spent(w))
			ret = spend(w, set, target) < 0 ? -errno : 0;
		else
			ret = epoll_ctl(set, EPOLL_CTL_ADD, w->number, &event) < 0 ? -errno : 0;
		back = number_return(&loan);
	}
	errno = ret < 0 ? -ret : -back;
	if (errno)
		return err_sys(restore_err(t->r), "epoll_ctl",
			       "can't add file %u as descriptor %d to epoll %u", w->target->id,
			       w->number, epoll->id);
	return 0;
}
