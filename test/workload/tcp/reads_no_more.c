/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends of connections whose program has said that it reads no more (SHUT_RD), which the peer does
 * not hear of: of an established one, of one that has said its own end as well (SHUT_RDWR), and of
 * one whose peer has. A read gives what is unread, and then the end at once instead of waiting;
 * what the peer sends to the established one can still be read.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 * wl: crossing from CRIU does not give it back
 */
#define _GNU_SOURCE
#include "tcp.h"

#include <poll.h>

enum { OPEN, OWN_END, PEERS_END, ENDS };

static struct tcp_pair make(const struct tcp_kind *k, int end)
{
	struct tcp_pair p = tcp_connect(k);

	in_send(p.client, 700, 4);
	in_send(p.server, 10, 5);
	wl_try(shutdown(p.client, end == OWN_END ? SHUT_RDWR : SHUT_RD));
	if (end == PEERS_END)
		wl_try(shutdown(p.server, SHUT_WR));
	if (end == OWN_END)
		tcp_await(p.client, TCP_FIN_WAIT2);
	if (end == PEERS_END)
		tcp_await(p.client, TCP_CLOSE_WAIT);
	return p;
}

static void expect_no_more(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };
	char c;

	wl_check_eq(poll(&p, 1, 0), 1);
	wl_check_eq(p.revents & (POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	wl_check_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
}

static void check(const struct tcp_pair *p, int end)
{
	static const int state[ENDS] = { TCP_ESTABLISHED, TCP_FIN_WAIT2, TCP_CLOSE_WAIT };

	wl_check_eq(tcp_state(p->client), state[end]);
	in_receive(p->client, 10, 5);
	expect_no_more(p->client);
	in_receive(p->server, 700, 4);
	if (end != OPEN)
		return;
	in_send(p->server, 20, 6);
	in_receive(p->client, 20, 6);
	expect_no_more(p->client);
}

int main(void)
{
	struct tcp_pair pairs[TCP_KINDS][ENDS];

	for (int i = 0; i < TCP_KINDS; i++)
		for (int end = 0; end < ENDS; end++)
			pairs[i][end] = make(&tcp_kinds[i], end);
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++)
		for (int end = 0; end < ENDS; end++)
			check(&pairs[i][end], end);
	wl_pass();
}
