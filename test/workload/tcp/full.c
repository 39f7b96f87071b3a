/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose four queues are full, with large buffers: drained by halves in step, and to the
 * end, the bytes are those that were sent.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

#define SIZE (1 << 20) /* SO_SNDBUF and SO_RCVBUF */

static void enlarge(int fd)
{
	in_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SIZE);
	in_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SIZE);
}

int main(void)
{
	struct tcp_pair p[2];
	size_t to_client[2], to_server[2];

	for (int i = 0; i < 2; i++) {
		p[i] = tcp_connect(&tcp_kinds[i]);
		enlarge(p[i].client);
		enlarge(p[i].server);
		to_server[i] = tcp_fill(p[i].client, 1);
		to_client[i] = tcp_fill(p[i].server, 2);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check_eq(in_get(p[i].client, SOL_SOCKET, SO_SNDBUF), 2 * SIZE);
		wl_check_eq(in_get(p[i].server, SOL_SOCKET, SO_RCVBUF), 2 * SIZE);
		tcp_drain(p[i].server, 1, 0, to_server[i] / 2);
		tcp_drain(p[i].client, 2, 0, to_client[i] / 2);
		tcp_drain(p[i].server, 1, to_server[i] / 2, to_server[i]);
		tcp_drain(p[i].client, 2, to_client[i] / 2, to_client[i]);
		in_both_ways(p[i].client, p[i].server, 4096);
	}
	wl_pass();
}
