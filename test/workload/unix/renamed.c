/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two listeners were bound to one path: the first one's file was renamed away meanwhile, and then
 * back over the second's. The first is reached by the path, the second by nothing. A third socket's
 * file is still under the name it was renamed to.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU binds the third to the name that it was given first
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>

#include "unix.h"

static void check(int type, struct un_addr addr, const int *listener)
{
	int client, server, on;
	socklen_t len = sizeof(on);

	for (int i = 0; i < 2; i++) {
		wl_try(getsockopt(listener[i], SOL_SOCKET, SO_ACCEPTCONN, &on, &len));
		wl_check_eq(on, 1);
		un_check_name(listener[i], addr);
	}
	client = un_connected(type, addr);
	server = wl_try(accept(listener[0], NULL, NULL));
	un_both_ways(client, server);
	wl_check_eq(accept4(listener[1], NULL, NULL, 0), -1);
	wl_check_eq(errno, EAGAIN);
}

static void set_up(int type, const char *path, int *listener)
{
	char *aside = wl_format("%s.aside", path);

	listener[0] = un_listening(type | SOCK_NONBLOCK, un_path(path), 3);
	wl_try(rename(path, aside));
	listener[1] = un_listening(type | SOCK_NONBLOCK, un_path(path), 3);
	wl_try(rename(aside, path));
}

int main(void)
{
	char *dir = get_current_dir_name();
	char *stream = wl_format("%s/stream", dir), *packets = wl_format("%s/packets", dir);
	char *old = wl_format("%s/old", dir), *new = wl_format("%s/new", dir);
	int a[2], b[2], moved;

	set_up(SOCK_STREAM, stream, a);
	set_up(SOCK_SEQPACKET, packets, b);
	moved = un_bound(SOCK_DGRAM, un_path(old));
	wl_try(rename(old, new));
	wl_ready_and_wait();
	check(SOCK_STREAM, un_path(stream), a);
	check(SOCK_SEQPACKET, un_path(packets), b);
	wl_check_eq(access(old, F_OK), -1);
	un_carry(un_connected(SOCK_DGRAM, un_path(new)), moved, 10, 1);
	un_check_name(moved, un_path(old));
	wl_pass();
}
