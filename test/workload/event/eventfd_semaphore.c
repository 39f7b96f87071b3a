/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event counters that are semaphores: each read takes one.
 *
 *	wl: areas    epoll-and-event-fds
 *	wl: needs    kernel:6.5
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU 4.2 makes plain counters of them, at the dump and at the restore
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/eventfd.h>
#include <unistd.h>

static void check(int fd, unsigned int count)
{
	uint64_t got;

	for (unsigned int i = 0; i < count; i++) {
		wl_check_eq(read(fd, &got, sizeof(got)), sizeof(got));
		wl_check_eq(got, 1);
	}
	wl_check(read(fd, &got, sizeof(got)) < 0 && errno == EAGAIN);
	got = 2;
	wl_check_eq(write(fd, &got, sizeof(got)), sizeof(got));
	wl_check_eq(read(fd, &got, sizeof(got)), sizeof(got));
	wl_check_eq(got, 1);
}

int main(void)
{
	int full = wl_try(eventfd(5, EFD_SEMAPHORE | EFD_NONBLOCK));
	int empty = wl_try(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
	struct wl_fd saved[2];

	wl_fd_save(full, &saved[0]);
	wl_fd_save(empty, &saved[1]);
	wl_ready_and_wait();
	wl_fd_check(full, &saved[0]);
	wl_fd_check(empty, &saved[1]);
	check(full, 5);
	check(empty, 0);
	wl_pass();
}
