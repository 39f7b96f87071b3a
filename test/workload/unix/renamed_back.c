/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two listeners were bound to one path: the first one's file was renamed away meanwhile, and then
 * back over the second's. Both are listeners still, and the path exists.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "unix.h"

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

int main(void)
{
	int fds[2][2], on;
	socklen_t len = sizeof(on);
	char *path[2];

	for (int i = 0; i < 2; i++) {
		path[i] = wl_format("%s/%d", get_current_dir_name(), i);
		fds[i][0] = un_listening(types[i], un_path(path[i]), 3);
		wl_try(rename(path[i], "aside"));
		fds[i][1] = un_listening(types[i], un_path(path[i]), 3);
		wl_try(rename("aside", path[i]));
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			wl_try(getsockopt(fds[i][k], SOL_SOCKET, SO_ACCEPTCONN, &on, &len));
			wl_check_eq(on, 1);
		}
		wl_try(access(path[i], F_OK));
	}
	wl_pass();
}
