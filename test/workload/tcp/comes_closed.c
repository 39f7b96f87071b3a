/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --tcp-close at the dump: both ends of connections of all kinds come back closed (end of file,
 * hang up, EPIPE), whatever they were doing, and a listener serves.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-close
 * wl: left    only a restore closes the connections
 */
#include "tcp.h"

#include <poll.h>

static void check_closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	wl_check_eq(tcp_state(fd), TCP_CLOSE);
	wl_check_eq(poll(&p, 1, 0), 1);
	wl_check(p.revents & POLLHUP);
	tcp_expect_end(fd);
}

int main(void)
{
	struct tcp_pair p[TCP_KINDS][2];
	int listener = in_listening(AF_INET, 5);

	for (int i = 0; i < TCP_KINDS; i++) {
		for (int k = 0; k < 2; k++)
			p[i][k] = tcp_connect(&tcp_kinds[i]);
		in_send(p[i][0].client, 1000, 1);
		wl_try(shutdown(p[i][1].client, SHUT_WR));
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++)
		for (int k = 0; k < 2; k++) {
			check_closed(p[i][k].client);
			check_closed(p[i][k].server);
		}
	wl_check_eq(tcp_state(listener), TCP_LISTEN);
	in_serve(listener);
	wl_pass();
}
