/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes of which one end is gone everywhere: a write end whose readers are gone gives EPIPE and
 * SIGPIPE, a read end without writers gives what is queued and then the end of file.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state[3];
	int no_reader[2], no_writer[2], empty[2];
	char buf[16] = "";

	signal(SIGPIPE, SIG_IGN);
	wl_try(pipe(no_reader));
	wl_try(pipe2(no_writer, O_CLOEXEC));
	wl_try(pipe(empty));
	wl_check_eq(write(no_writer[1], "queued", 6), 6);
	close(no_reader[0]);
	close(no_writer[1]);
	close(empty[1]);
	wl_fd_save(no_reader[1], &state[0]);
	wl_fd_save(no_writer[0], &state[1]);
	wl_fd_save(empty[0], &state[2]);
	wl_ready_and_wait();
	wl_fd_check(no_reader[1], &state[0]);
	wl_fd_check(no_writer[0], &state[1]);
	wl_fd_check(empty[0], &state[2]);
	wl_check(write(no_reader[1], "x", 1) < 0 && errno == EPIPE);
	wl_check_eq(read(no_writer[0], buf, sizeof(buf)), 6);
	wl_check(!strcmp(buf, "queued"));
	wl_check_eq(read(no_writer[0], buf, sizeof(buf)), 0);
	wl_check_eq(read(empty[0], buf, sizeof(buf)), 0);
	struct pollfd poll_fd = { empty[0], POLLIN, 0 };

	wl_check_eq(poll(&poll_fd, 1, 0), 1);
	wl_check_eq(poll_fd.revents, POLLHUP);
	wl_pass();
}
