/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe in packet mode (O_DIRECT): packets of several sizes keep their borders; a packet read in
 * part is cut as before. A second pipe was switched to packet mode when it held plain bytes
 * already.
 *
 * wl: areas pipes
 * wl: crossing none CRIU refuses packet mode
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

static const int size[] = { 1, 4096, 100, 7, 4095, 1, 2048 };
enum { COUNT = sizeof(size) / sizeof(size[0]) };

int main(void)
{
	struct wl_fd state[2];
	char buf[8192];
	int fds[2], late[2];

	wl_try(pipe2(fds, O_DIRECT | O_NONBLOCK));
	for (int i = 0; i < COUNT; i++) {
		wl_fill(buf, size[i], i);
		wl_check_eq(write(fds[1], buf, size[i]), size[i]);
	}
	wl_try(pipe2(late, O_NONBLOCK));
	/* A whole page: what still fits into the last one is joined to it, even a packet. */
	wl_check_eq(write(late[1], buf, 4096), 4096);
	wl_try(fcntl(late[1], F_SETFL, O_DIRECT | O_NONBLOCK));
	wl_check_eq(write(late[1], "packet", 6), 6);
	wl_check_eq(write(late[1], "another", 7), 7);
	wl_fd_save(fds[1], &state[0]);
	wl_fd_save(late[1], &state[1]);
	wl_ready_and_wait();
	wl_fd_check(fds[1], &state[0]);
	wl_fd_check(late[1], &state[1]);
	for (int i = 0; i < COUNT - 1; i++) {
		wl_check_eq(read(fds[0], buf, sizeof(buf)), size[i]);
		wl_check(wl_matches(buf, size[i], i));
	}
	wl_check_eq(read(fds[0], buf, 10), 10);
	wl_check(wl_matches(buf, 10, COUNT - 1));
	wl_check(read(fds[0], buf, sizeof(buf)) < 0 && errno == EAGAIN);
	wl_check_eq(read(late[0], buf, sizeof(buf)), 4096 + 6);
	wl_check_eq(read(late[0], buf, sizeof(buf)), 7);
	wl_check(read(late[0], buf, sizeof(buf)) < 0 && errno == EAGAIN);
	wl_pass();
}
