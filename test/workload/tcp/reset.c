/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that their peers have reset, by closing them with unread data: the three bytes that
 * were not read are there, then the error is told once; of one that has told it, the end.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 * wl: crossing none CRIU drops the error
 */
#include "tcp.h"

/* The server's end, which was reset. */
static int reset(const struct tcp_kind *k)
{
	struct tcp_pair p = tcp_connect(k);

	in_send(p.client, 3, 1);
	in_send(p.server, 1, 2);
	in_set(p.client, SOL_TCP, TCP_NODELAY, 1);
	wl_check_eq(recv(p.client, &(char){ 0 }, 1, MSG_PEEK), 1);
	wl_try(close(p.client));
	tcp_await(p.server, TCP_CLOSE);
	return p.server;
}

int main(void)
{
	int told[TCP_KINDS], untold[TCP_KINDS];
	char byte;

	for (int i = 0; i < TCP_KINDS; i++) {
		untold[i] = reset(&tcp_kinds[i]);
		told[i] = reset(&tcp_kinds[i]);
		wl_check_eq(in_get(told[i], SOL_SOCKET, SO_ERROR), ECONNRESET);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		in_receive(untold[i], 3, 1);
		wl_check_eq(read(untold[i], &byte, 1), -1);
		wl_check_eq(errno, ECONNRESET);
		tcp_expect_end(untold[i]);
		in_receive(told[i], 3, 1);
		tcp_expect_end(told[i]);
	}
	wl_pass();
}
