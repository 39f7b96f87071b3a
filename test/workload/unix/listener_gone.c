/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a child, made through a listener that is closed and unlinked since: what the
 * child writes arrives, and the path has not come back.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include "unix.h"

int main(void)
{
	char *path = wl_format("%s/sock", get_current_dir_name()), buf[1000];
	struct un_addr addr = un_path(path);
	int listener = un_listening(SOCK_STREAM, addr, 1), server;
	pid_t pid = wl_fork_awaited();

	if (!pid) {
		int client = un_connected(SOCK_STREAM, addr);

		close(listener);
		wl_child_wait();
		wl_fill(buf, sizeof(buf), 7);
		wl_check_eq(write(client, buf, sizeof(buf)), sizeof(buf));
		_exit(0);
	}
	server = wl_try(accept(listener, NULL, NULL));
	wl_try(close(listener));
	wl_try(unlink(path));
	wl_ready_and_wait();
	wl_finish(pid);
	wl_check_eq(recv(server, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 7));
	wl_check_eq(unlink(path), -1);
	wl_check_eq(errno, ENOENT);
	wl_pass();
}
