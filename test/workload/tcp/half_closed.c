/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of which one end has said that it sends no more: FIN_WAIT2 with CLOSE_WAIT, of both
 * families and of an IPv4 client of a dual-stack listener, with unread data in both directions.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

static void half_close(struct tcp_pair *p)
{
	in_send(p->server, 2, 5);
	in_send(p->client, 1000, 6);
	wl_try(shutdown(p->client, SHUT_WR));
	tcp_await(p->client, TCP_FIN_WAIT2);
	tcp_await(p->server, TCP_CLOSE_WAIT);
}

int main(void)
{
	struct tcp_pair half[TCP_KINDS];

	for (int i = 0; i < TCP_KINDS; i++) {
		half[i] = tcp_connect(&tcp_kinds[i]);
		half_close(&half[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		wl_check_eq(tcp_state(half[i].client), TCP_FIN_WAIT2);
		wl_check_eq(tcp_state(half[i].server), TCP_CLOSE_WAIT);
		in_receive(half[i].server, 1000, 6);
		wl_check_eq(read(half[i].server, &(char){ 0 }, 1), 0);
		in_send(half[i].server, 3000, 9);
		in_receive(half[i].client, 2, 5);
		in_receive(half[i].client, 3000, 9);
		wl_try(close(half[i].server));
		tcp_expect_end(half[i].client);
	}
	wl_pass();
}
