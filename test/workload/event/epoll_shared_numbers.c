/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One set with five pipes that were added under two descriptor numbers only, three as 702 and two
 * as 701, most of which are closed since: each wakes the set with its own data, and can be changed
 * through the number that it was added by.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/epoll.h>
#include <unistd.h>

#define PIPES 5

static const int numbers[PIPES] = { 702, 702, 702, 701, 701 };

int main(void)
{
	int ends[PIPES][2], set = wl_try(epoll_create1(0));
	struct epoll_event event;
	char byte = 'x';

	for (uint64_t i = 0; i < PIPES; i++) {
		wl_try(pipe(ends[i]));
		wl_try(dup2(ends[i][0], numbers[i]));
		event = (struct epoll_event){ .events = EPOLLIN, .data.u64 = i << 40 | 0x1234 };
		wl_try(epoll_ctl(set, EPOLL_CTL_ADD, numbers[i], &event));
	}
	wl_try(close(701)); /* 702 stays: the third pipe has it */
	wl_ready_and_wait();
	for (uint64_t i = 0; i < PIPES; i++) {
		wl_check_eq(write(ends[i][1], &byte, 1), 1);
		wl_check_eq(epoll_wait(set, &event, 1, 1000), 1);
		wl_check_eq(event.data.u64, i << 40 | 0x1234);
		wl_check_eq(event.events, EPOLLIN);
		wl_check_eq(read(ends[i][0], &byte, 1), 1);
		wl_check_eq(epoll_wait(set, &event, 1, 0), 0);
	}
	wl_pass();
}
