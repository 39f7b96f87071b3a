/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes of all sizes: two non-blocking ones enlarged to 1 MiB, one of them full, one cut down to
 * one page and full, one of 256 KiB with some bytes. Contents and F_GETPIPE_SZ are the same.
 *
 * wl: areas pipes
 *	wl: flavours host user unpriv
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

static const struct {
	int size, queued, flags;
} kind[] = {
	{ 1 << 20, 1 << 20, O_NONBLOCK },
	{ 1 << 20, 0, O_NONBLOCK },
	{ 4096, 4096, O_NONBLOCK },
	{ 1 << 18, 12345, 0 },
	{ 65536, 65536, 0 },
	{ 65536, 1, O_CLOEXEC },
};
enum { COUNT = sizeof(kind) / sizeof(kind[0]) };

int main(void)
{
	struct wl_fd state[COUNT][2];
	char *buf = malloc(1 << 20);
	int fds[COUNT][2], queued;

	wl_check(buf);
	for (int i = 0; i < COUNT; i++) {
		wl_try(pipe2(fds[i], kind[i].flags));
		wl_check_eq(fcntl(fds[i][1], F_SETPIPE_SZ, kind[i].size), kind[i].size);
		wl_fill(buf, kind[i].queued, i);
		wl_check_eq(write(fds[i][1], buf, kind[i].queued), kind[i].queued);
		wl_fd_save(fds[i][0], &state[i][0]);
		wl_fd_save(fds[i][1], &state[i][1]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fds[i][0], &state[i][0]);
		wl_fd_check(fds[i][1], &state[i][1]);
		wl_check_eq(fcntl(fds[i][0], F_GETPIPE_SZ), kind[i].size);
		wl_try(ioctl(fds[i][0], FIONREAD, &queued));
		wl_check_eq(queued, kind[i].queued);
		if (kind[i].size == kind[i].queued && kind[i].flags & O_NONBLOCK)
			wl_check(write(fds[i][1], buf, 1) < 0 && errno == EAGAIN);
		for (int done = 0; done < queued;)
			done += wl_try(read(fds[i][0], buf + done, queued - done));
		wl_check(wl_matches(buf, queued, i));
	}
	wl_pass();
}
