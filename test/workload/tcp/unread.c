/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that have ended with data that was not read: both ends have said that they send no
 * more; of both families and of an IPv4 client of a dual-stack listener. All of it fits into the
 * window that a connection begins with, which is smaller before Linux 6.5.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

int main(void)
{
	struct tcp_pair p[TCP_KINDS];
	struct in_addr_any names[TCP_KINDS][2];

	for (int i = 0; i < TCP_KINDS; i++) {
		p[i] = tcp_connect(&tcp_kinds[i]);
		in_send(p[i].client, 3000, 1);
		in_send(p[i].server, 40000, 2);
		wl_try(shutdown(p[i].client, SHUT_WR));
		tcp_await(p[i].server, TCP_CLOSE_WAIT);
		wl_try(shutdown(p[i].server, SHUT_WR));
		tcp_await(p[i].server, TCP_CLOSE);
		tcp_await(p[i].client, TCP_CLOSE);
		names[i][0] = in_name(p[i].client);
		names[i][1] = in_name(p[i].server);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		wl_check_eq(tcp_state(p[i].client), TCP_CLOSE);
		wl_check_eq(tcp_state(p[i].server), TCP_CLOSE);
		in_check_same(in_name(p[i].client), names[i][0]);
		in_check_same(in_name(p[i].server), names[i][1]);
		in_receive(p[i].server, 3000, 1);
		in_receive(p[i].client, 40000, 2);
		tcp_expect_end(p[i].client);
		tcp_expect_end(p[i].server);
	}
	wl_pass();
}
