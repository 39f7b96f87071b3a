/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes of the largest size that an ordinary user may have (fs.pipe-max-size), each full, as many
 * as come close to what all of the user's pipes may have together (fs.pipe-user-pages-soft): what
 * the tool needs for itself must not hit that limit.
 *
 * wl: areas pipes
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 60 };

int main(void)
{
	int size = atoi(wl_read_file("/proc/sys/fs/pipe-max-size")), fd[COUNT][2];
	char *buf = malloc(size);

	if (size > 1 << 20)
		size = 1 << 20;
	for (int i = 0; i < COUNT; i++) {
		wl_try(pipe2(fd[i], O_NONBLOCK));
		wl_check_eq(fcntl(fd[i][0], F_SETPIPE_SZ, size), size);
		wl_fill(buf, size, i);
		wl_check_eq(write(fd[i][1], buf, size), size);
		wl_check(write(fd[i][1], buf, 1) < 0 && errno == EAGAIN);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_check_eq(fcntl(fd[i][1], F_GETPIPE_SZ), size);
		wl_check(write(fd[i][1], buf, 1) < 0 && errno == EAGAIN);
		for (int got = 0, n; got < size; got += n)
			wl_check((n = read(fd[i][0], buf + got, size - got)) > 0);
		wl_check(wl_matches(buf, size, i));
		wl_check(read(fd[i][0], buf, 1) < 0 && errno == EAGAIN);
	}
	wl_pass();
}
