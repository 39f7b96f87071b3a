/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that end while data is on its way: FIN_WAIT1 (both ends have said that they send no
 * more, behind full queues), LAST_ACK and CLOSING (the other end has nothing left to say), of both
 * families and of an IPv4 client of a dual-stack listener. All data comes, then the end. And
 * FIN_WAIT1 of one end alone: what the other still sends comes behind what was unread.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

#define PAIRS 4

static size_t queued[TCP_KINDS][PAIRS][2];

/* Two bytes wait at the end that fills its queue. */
static struct tcp_pair full(int kind, size_t *ret_queued)
{
	struct tcp_pair p = tcp_connect(&tcp_kinds[kind]);

	in_send(p.client, 2, 5);
	*ret_queued = tcp_fill(p.server, 1);
	return p;
}

static void set_up(int kind, struct tcp_pair p[PAIRS])
{
	p[0] = full(kind, &queued[kind][0][0]);
	queued[kind][0][1] = tcp_fill(p[0].client, 2);
	wl_try(shutdown(p[0].server, SHUT_WR));
	wl_try(shutdown(p[0].client, SHUT_WR));
	p[1] = full(kind, &queued[kind][1][0]);
	wl_try(shutdown(p[1].client, SHUT_WR));
	tcp_await(p[1].server, TCP_CLOSE_WAIT);
	tcp_await(p[1].client, TCP_FIN_WAIT2);
	wl_try(shutdown(p[1].server, SHUT_WR));
	p[2] = full(kind, &queued[kind][2][0]);
	wl_try(shutdown(p[2].server, SHUT_WR));
	wl_try(shutdown(p[2].client, SHUT_WR));
	tcp_await(p[2].server, TCP_CLOSING);
	tcp_await(p[2].client, TCP_FIN_WAIT2);

	p[3] = full(kind, &queued[kind][3][0]);
	wl_try(shutdown(p[3].server, SHUT_WR));
	tcp_await(p[3].server, TCP_FIN_WAIT1);
}

/* Where windows have opened, as the data lies closer together now, all may have been said. */
static void check_said(int fd, bool heard)
{
	int state = tcp_state(fd);
	bool both = state == TCP_CLOSING || state == TCP_LAST_ACK || state == TCP_CLOSE;

	if (!both && (heard || (state != TCP_FIN_WAIT1 && state != TCP_FIN_WAIT2)))
		wl_fail("the state is %d", state);
}

static void check_states(const struct tcp_pair p[PAIRS])
{
	for (int i = 0; i < 3; i++) {
		check_said(p[i].server, i > 0);
		check_said(p[i].client, false);
	}
}

static void check(int kind, const struct tcp_pair p[PAIRS])
{
	for (int i = 0; i < 3; i++) {
		tcp_drain(p[i].client, 1, 0, queued[kind][i][0]);
		in_receive(p[i].server, 2, 5);
		tcp_drain(p[i].server, 2, 0, queued[kind][i][1]);
		tcp_expect_end(p[i].client);
		tcp_expect_end(p[i].server);
	}
	in_send(p[3].client, 5000, 11);
	tcp_drain(p[3].client, 1, 0, queued[kind][3][0]);
	wl_check_eq(read(p[3].client, &(char){ 0 }, 1), 0);
	wl_try(close(p[3].client));
	in_receive(p[3].server, 2, 5);
	in_receive(p[3].server, 5000, 11);
	tcp_expect_end(p[3].server);
}

int main(void)
{
	struct tcp_pair pairs[TCP_KINDS][PAIRS];

	for (int i = 0; i < TCP_KINDS; i++)
		set_up(i, pairs[i]);
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++)
		check_states(pairs[i]);
	for (int i = 0; i < TCP_KINDS; i++)
		check(i, pairs[i]);
	wl_pass();
}
