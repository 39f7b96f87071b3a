/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set watches a counter that only a process outside of the tree has open any more: the watch
 * can't be made again, and the dump says so.
 *
 *	wl: areas    epoll-and-event-fds
 *	wl: flavours host user
 *	wl: expect   dump-refused no process of the tree has open
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A grandchild whose parent is gone: not in the tree. It has the counter, and gives up after a
 * minute. */
static pid_t orphan(void)
{
	int tell[2];
	pid_t child, pid;

	wl_try(pipe(tell));
	child = wl_fork();
	if (!child) {
		pid = wl_fork();
		if (!pid) {
			wl_try(setsid());
			wl_try(close(tell[0]));
			wl_try(close(tell[1]));
			wl_sleep_ms(60000);
			_exit(0);
		}
		wl_check_eq(write(tell[1], &pid, sizeof(pid)), sizeof(pid));
		_exit(0);
	}
	wl_check_eq(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
	wl_reap(child);
	wl_try(close(tell[0]));
	wl_try(close(tell[1]));
	return pid;
}

int main(void)
{
	int set = wl_try(epoll_create1(0)), counter = wl_try(eventfd(3, 0));
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 5 };
	pid_t outside = orphan();

	wl_try(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event));
	wl_try(close(counter));
	wl_ready_and_wait();
	wl_check_eq(epoll_wait(set, &event, 1, 0), 1);
	wl_check_eq(event.data.u32, 5);
	wl_try(kill(outside, SIGKILL));
	wl_pass();
}
