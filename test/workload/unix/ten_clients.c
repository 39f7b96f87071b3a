/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten clients, each in a process of its own, are connected to a datagram socket whose file is gone
 * and which has the highest number of all; each sends after the restore, and all messages arrive.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include "unix.h"

enum { CLIENTS = 10 };

int main(void)
{
	char *path = wl_format("%s/server", get_current_dir_name());
	int server = wl_move_fd(un_bound(SOCK_DGRAM, un_path(path)), 700), seen = 0;
	pid_t pid[CLIENTS];

	for (char i = 0; i < CLIENTS; i++) {
		pid[(int)i] = wl_fork_awaited();
		if (!pid[(int)i]) {
			int fd = un_connected(SOCK_DGRAM, un_path(path));

			close(server);
			wl_child_wait();
			wl_check_eq(write(fd, &i, 1), 1);
			_exit(0);
		}
	}
	wl_try(unlink(path));
	wl_ready_and_wait();
	for (int i = 0; i < CLIENTS; i++) {
		char who;

		wl_finish(pid[i]);
		wl_check_eq(read(server, &who, 1), 1);
		seen |= 1 << who;
	}
	wl_check_eq(seen, (1 << CLIENTS) - 1);
	un_expect_empty(server);
	wl_pass();
}
