/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of the segments that a connection sends, as its ends have agreed on, and as the network
 * lets it: also where the peer's window can't grow any more, which is when the kernel would work it
 * out again.
 *
 * wl: areas tcp
 * wl: cycles 2
 * wl: both --tcp-established --network-lock nftables
 * wl: crossing from
 */
#include "tcp.h"

#define WINDOW 65536
#define MUCH   (1 << 18)

static int segment(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info.tcpi_snd_mss;
}

static void pass(int from, int to, size_t size)
{
	static unsigned char buf[32768];

	for (size_t done = 0; done < size; done += sizeof(buf)) {
		wl_check_eq(wl_try(send(from, buf, sizeof(buf), MSG_NOSIGNAL)), sizeof(buf));
		wl_check_eq(wl_try(recv(to, buf, sizeof(buf), MSG_WAITALL)), sizeof(buf));
	}
}

/* Sizes as on a network: the loopback device's are beyond what an option can set. */
static struct tcp_pair connect_small(const struct tcp_kind *k, int size)
{
	struct in_addr_any a;
	int listener = tcp_listening(k, &a);
	struct tcp_pair p = { .client = wl_try(socket(k->family, SOCK_STREAM, 0)) };

	in_set(listener, SOL_TCP, TCP_MAXSEG, size);
	in_set(p.client, SOL_TCP, TCP_MAXSEG, size);
	in_set(listener, SOL_SOCKET, SO_RCVBUF, WINDOW);
	in_set(p.client, SOL_SOCKET, SO_RCVBUF, WINDOW);
	wl_try(connect(p.client, &a.sa, a.len));
	p.server = wl_try(accept(listener, NULL, NULL));
	close(listener);
	return p;
}

int main(void)
{
	static const int sizes[] = { 1460, 9000, 700 };
	struct tcp_pair pairs[TCP_KINDS];
	int client[TCP_KINDS], server[TCP_KINDS];

	for (int i = 0; i < TCP_KINDS; i++) {
		pairs[i] = connect_small(&tcp_kinds[i], sizes[i]);
		pass(pairs[i].client, pairs[i].server, MUCH);
		pass(pairs[i].server, pairs[i].client, MUCH);
		client[i] = segment(pairs[i].client);
		server[i] = segment(pairs[i].server);
		wl_check(client[i] > sizes[i] - 20 && client[i] <= sizes[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < TCP_KINDS; i++) {
		pass(pairs[i].client, pairs[i].server, MUCH);
		pass(pairs[i].server, pairs[i].client, MUCH);
		wl_check_eq(segment(pairs[i].client), client[i]);
		wl_check_eq(segment(pairs[i].server), server[i]);
	}
	wl_pass();
}
