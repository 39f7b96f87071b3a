/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram and seqpacket sockets were bound again and again to one path that is gone, with its
 * folder; of each generation there is a connected pair. There is a pair of bound datagram sockets
 * as well. All pairs carry data, and the folders have not come back.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "unix.h"

enum { GENERATIONS = 3 };

static char *dir, *path;

static void clear_away(void)
{
	wl_try(unlink(path));
	wl_try(rmdir(dir));
}

int main(void)
{
	int datagrams[GENERATIONS][2], packets[GENERATIONS][2], pair[2], listener;
	struct un_addr addr;

	dir = wl_format("%s/dir", get_current_dir_name());
	path = wl_format("%s/sock", dir);
	addr = un_path(path);
	for (int i = 0; i < GENERATIONS; i++) {
		wl_try(mkdir(dir, 0755));
		datagrams[i][0] = un_bound(SOCK_DGRAM, un_path(path));
		datagrams[i][1] = un_connected(SOCK_DGRAM, un_path(path));
		clear_away();
		wl_try(mkdir(dir, 0755));
		listener = un_listening(SOCK_SEQPACKET, un_path(path), 1);
		packets[i][0] = un_connected(SOCK_SEQPACKET, un_path(path));
		packets[i][1] = wl_try(accept(listener, NULL, NULL));
		close(listener);
		clear_away();
	}
	wl_try(mkdir(dir, 0755));
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	wl_try(bind(pair[0], (struct sockaddr *)&addr.sun, addr.len));
	clear_away();
	wl_ready_and_wait();
	for (int i = 0; i < GENERATIONS; i++) {
		un_carry(datagrams[i][1], datagrams[i][0], 4, i);
		un_both_ways(packets[i][0], packets[i][1]);
		un_check_name(datagrams[i][0], un_path(path));
	}
	un_both_ways(pair[0], pair[1]);
	un_check_name(pair[0], un_path(path));
	wl_check_eq(access(dir, F_OK), -1);
	wl_check_eq(errno, ENOENT);
	wl_pass();
}
