/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sets of the same 250 pipes: one has the descriptors themselves, every other one moved above
 * 700 before it was added; the other has each under a number that was closed, and used for the
 * next, at once. Each written pipe wakes both sets, with exactly its data.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define PIPES	250
#define DATA(i) (UINT64_C(0x9e3779b97f4a7c15) * ((i) + 1))

static void add(int set, int fd, uint64_t i)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = DATA(i) };

	wl_try(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
}

static void expect(int set, uint64_t i)
{
	struct epoll_event event;

	wl_check_eq(epoll_wait(set, &event, 1, 1000), 1);
	wl_check_eq(event.data.u64, DATA(i));
}

int main(void)
{
	int own = wl_try(epoll_create1(0)), borrowed = wl_try(epoll_create1(EPOLL_CLOEXEC));
	struct rlimit limit = { 2048, 2048 };
	struct epoll_event event;
	int ends[PIPES][2], fd;
	char byte = 'x';

	wl_try(setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < PIPES; i++) {
		wl_try(pipe(ends[i]));
		if (i % 2)
			ends[i][0] = wl_move_fd(ends[i][0], 701 + i);
		add(own, ends[i][0], i);
	}
	for (int i = 0; i < PIPES; i++) {
		fd = wl_try(dup(ends[i][0]));
		add(borrowed, fd, i);
		wl_try(close(fd));
	}
	wl_ready_and_wait();
	for (int i = 0; i < PIPES; i++) {
		wl_check_eq(write(ends[i][1], &byte, 1), 1);
		expect(own, i);
		expect(borrowed, i);
		wl_check_eq(read(ends[i][0], &byte, 1), 1);
		wl_check_eq(epoll_wait(own, &event, 1, 0) + epoll_wait(borrowed, &event, 1, 0), 0);
	}
	wl_pass();
}
