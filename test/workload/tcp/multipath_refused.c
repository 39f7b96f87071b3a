/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipath TCP, a listener and a connection: refused by name, and the connection goes on.
 *
 * wl: areas tcp
 * wl: needs mptcp
 * wl: dump --tcp-established
 * wl: expect dump-refused is a multipath TCP socket
 */
#include "tcp.h"

#define MPTCP 262 /* IPPROTO_MPTCP */

int main(void)
{
	struct in_addr_any a = in_loopback(AF_INET, 0);
	int listener = wl_try(socket(AF_INET, SOCK_STREAM, MPTCP));
	int client = wl_try(socket(AF_INET, SOCK_STREAM, MPTCP)), server;
	char byte;

	wl_try(bind(listener, &a.sa, a.len));
	wl_try(listen(listener, 1));
	a = in_name(listener);
	wl_try(connect(client, &a.sa, a.len));
	server = wl_try(accept(listener, NULL, NULL));
	wl_ready_and_wait();
	wl_check_eq(wl_try(send(client, "x", 1, 0)), 1);
	wl_check_eq(wl_try(recv(server, &byte, 1, 0)), 1);
	wl_check_eq(byte, 'x');
	wl_pass();
}
