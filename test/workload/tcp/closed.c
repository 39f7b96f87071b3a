/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that both ends have closed, of both families and of an IPv4 client of a dual-stack
 * listener: reading tells the end, writing fails, and the names are those of before.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: crossing to
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

static void close_both(struct tcp_pair *p)
{
	wl_try(shutdown(p->client, SHUT_WR));
	tcp_await(p->server, TCP_CLOSE_WAIT);
	wl_try(shutdown(p->server, SHUT_WR));
	tcp_await(p->server, TCP_CLOSE);
}

int main(void)
{
	struct tcp_pair closed[TCP_KINDS];
	struct in_addr_any names[TCP_KINDS][2];

	for (int i = 0; i < TCP_KINDS; i++) {
		closed[i] = tcp_connect(&tcp_kinds[i]);
		close_both(&closed[i]);
		names[i][0] = in_name(closed[i].client);
		names[i][1] = in_name(closed[i].server);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		wl_check_eq(tcp_state(closed[i].server), TCP_CLOSE);
		in_check_same(in_name(closed[i].client), names[i][0]);
		in_check_same(in_name(closed[i].server), names[i][1]);
		tcp_expect_end(closed[i].client);
		tcp_expect_end(closed[i].server);
	}
	wl_pass();
}
