/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets bound by relative names, listening and of datagrams, in a folder that is not the working
 * directory any more: they are reached by their files there, and show the names as they were given.
 * One has a client that waits.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "unix.h"

int main(void)
{
	const struct un_addr names[3] = { un_path("sub/stream"), un_path("packets"),
					  un_path("./datagrams") };
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	int fds[3], waiting, client, server;

	wl_try(mkdir("dir", 0755));
	wl_try(chdir("dir"));
	wl_try(mkdir("sub", 0755));
	for (int i = 0; i < 3; i++)
		fds[i] = i < 2 ? un_listening(types[i], names[i], 5) : un_bound(types[i], names[i]);
	waiting = un_connected(SOCK_STREAM, names[0]);
	wl_try(chdir(".."));
	wl_ready_and_wait();
	wl_try(chdir("dir"));
	for (int i = 0; i < 3; i++) {
		un_check_name(fds[i], names[i]);
		client = un_connected(types[i], names[i]);
		if (i == 2) {
			un_carry(client, fds[i], 100, 1);
			continue;
		}
		server = wl_try(accept(fds[i], NULL, NULL));
		un_both_ways(i == 0 ? waiting : client, server);
	}
	server = wl_try(accept(fds[0], NULL, NULL));
	wl_pass();
}
