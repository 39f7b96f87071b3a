/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirteen children write blocks into pipes at random times, and the parent waits for all of them
 * by epoll: no block is lost or torn, and the waiting is disturbed by nothing but EINTR.
 *
 *	wl: areas   epoll-and-event-fds
 *	wl: flavours host user ns userns
 *	wl: ignore  fdinfo tree
 *	wl: cycles  2
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 13
#define BLOCK	512

static void pump(int fd, unsigned int seed)
{
	unsigned char block[BLOCK];

	for (uint32_t n = 0;; n++) {
		wl_fill(block, sizeof(block), seed * 1000003 + n);
		wl_check_eq(write(fd, block, sizeof(block)), sizeof(block));
		usleep(rand() % 3000);
	}
}

int main(void)
{
	int set = wl_try(epoll_create1(EPOLL_CLOEXEC)), ends[WRITERS][2];
	uint32_t count[WRITERS] = { 0 }, after = 0;
	unsigned char block[BLOCK];
	pid_t pids[WRITERS];

	for (uint32_t i = 0; i < WRITERS; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		wl_try(pipe(ends[i]));
		wl_try(epoll_ctl(set, EPOLL_CTL_ADD, ends[i][0], &event));
		pids[i] = wl_fork();
		if (!pids[i]) {
			srand(i + 1);
			pump(ends[i][1], i + 1);
		}
	}
	wl_ready();
	for (bool stop = false; !stop || after < 500;) {
		struct epoll_event event;
		int n = epoll_wait(set, &event, 1, 2000);

		if (n < 0 && errno == EINTR)
			continue;
		wl_check_eq(n, 1);
		wl_check_eq(event.events, EPOLLIN);
		wl_check(event.data.u32 < WRITERS);
		wl_check_eq(read(ends[event.data.u32][0], block, sizeof(block)), sizeof(block));
		wl_check(wl_matches(block, sizeof(block),
				    (event.data.u32 + 1) * 1000003 + count[event.data.u32]++));
		stop = stop || wl_should_stop();
		after += stop;
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		wl_check(count[i] > 0);
		wl_try(kill(pids[i], SIGKILL));
		wl_check_eq(waitpid(pids[i], &status, 0), pids[i]);
		wl_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	wl_pass();
}
