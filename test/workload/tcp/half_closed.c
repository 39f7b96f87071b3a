/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of which one end, the client's or the accepted one, has said that it sends no more:
 * FIN_WAIT2 with CLOSE_WAIT, of both families and of an IPv4 client of a dual-stack listener, with
 * unread data in both directions. What comes later is behind what was unread.
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

/* The client's name stays that of the end that is silent, whoever it was. */
static struct tcp_pair make(const struct tcp_kind *k, bool swap)
{
	struct tcp_pair p = tcp_connect(k);

	if (swap)
		p = (struct tcp_pair){ .client = p.server, .server = p.client };
	half_close(&p);
	return p;
}

static void check(const struct tcp_pair *p)
{
	wl_check_eq(tcp_state(p->client), TCP_FIN_WAIT2);
	wl_check_eq(tcp_state(p->server), TCP_CLOSE_WAIT);
	in_receive(p->server, 1000, 6);
	wl_check_eq(read(p->server, &(char){ 0 }, 1), 0);
	in_send(p->server, 3000, 9);
	in_receive(p->client, 2, 5);
	in_receive(p->client, 3000, 9);
	wl_try(close(p->server));
	tcp_expect_end(p->client);
}

int main(void)
{
	struct tcp_pair half[TCP_KINDS][2];

	for (int i = 0; i < TCP_KINDS; i++)
		for (int swap = 0; swap < 2; swap++)
			half[i][swap] = make(&tcp_kinds[i], swap);
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++)
		for (int swap = 0; swap < 2; swap++)
			check(&half[i][swap]);
	wl_pass();
}
