/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two clients are connected to an abstract datagram server, and one message is queued: exactly that
 * is read.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include "unix.h"

int main(void)
{
	char *name = wl_format("crtools datagrams %d", getpid());
	struct un_addr addr = un_abstract(name, strlen(name));
	int server = un_bound(SOCK_DGRAM, addr);
	int first = un_connected(SOCK_DGRAM, addr), second = un_connected(SOCK_DGRAM, addr);

	wl_check_eq(write(second, "one", 3), 3);
	wl_ready_and_wait();
	un_expect(server, "one");
	un_expect_empty(server);
	un_check_name(server, addr);
	un_carry(first, server, 100, 1);
	un_carry(second, server, 100, 2);
	wl_pass();
}
