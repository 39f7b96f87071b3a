/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors on the memory devices null, zero, full, random and urandom, with several flags: they
 * are the same devices, and do what they did.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	static const char *const path[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					    "/dev/urandom" };
	enum { COUNT = sizeof(path) / sizeof(path[0]) };
	struct wl_fd state[COUNT];
	char buf[16] = "x";
	int fd[COUNT];

	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open(path[i], (i == 3 ? O_RDONLY : O_RDWR) |
						     (i % 2 ? O_CLOEXEC : O_NONBLOCK)));
		wl_fd_save(fd[i], &state[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_check_eq(read(fd[0], buf, sizeof(buf)), 0);
	wl_check_eq(read(fd[1], buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		wl_check_eq(buf[i], 0);
	wl_check(write(fd[2], buf, 1) < 0 && errno == ENOSPC);
	wl_check_eq(read(fd[3], buf, sizeof(buf)), sizeof(buf));
	wl_check_eq(read(fd[4], buf, sizeof(buf)), sizeof(buf));
	wl_pass();
}
