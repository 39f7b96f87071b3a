/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent and child hold the ends of two pipes at the same numbers, 11 and 12, in crossed roles,
 * which is a trap for a restore that takes them one by one. A message written before is readable,
 * ping-pong works, and so does the end of file.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

enum { READ = 11, WRITE = 12, ROUNDS = 100 };

static void place(int reader, int writer)
{
	wl_try(dup2(reader, READ));
	wl_try(dup2(writer, WRITE));
}

int main(void)
{
	int up[2], down[2], value;
	char buf[16] = "";
	pid_t pid;

	/* High numbers, so that 11 and 12 are free. */
	wl_try(pipe(up));
	wl_try(pipe(down));
	for (int i = 0; i < 2; i++) {
		up[i] = wl_move_fd(up[i], 200 + i);
		down[i] = wl_move_fd(down[i], 202 + i);
	}
	wl_check_eq(write(down[1], "before", 6), 6);
	pid = wl_fork_awaited();
	place(pid ? up[0] : down[0], pid ? down[1] : up[1]);
	for (int fd = 200; fd < 204; fd++)
		close(fd);
	if (pid == 0) {
		wl_child_ready();
		wl_check_eq(read(READ, buf, 6), 6);
		wl_check(!strcmp(buf, "before"));
		while (wl_try(read(READ, &value, sizeof(value))) == sizeof(value)) {
			value++;
			wl_check_eq(write(WRITE, &value, sizeof(value)), sizeof(value));
		}
		_exit(0);
	}
	wl_ready_and_wait();
	for (int i = 0; i < ROUNDS; i++) {
		wl_check_eq(write(WRITE, &i, sizeof(i)), sizeof(i));
		wl_check_eq(read(READ, &value, sizeof(value)), sizeof(value));
		wl_check_eq(value, i + 1);
	}
	close(WRITE);
	wl_check_eq(read(READ, &value, 1), 0);
	wl_reap(pid);
	wl_pass();
}
