/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose ends are both in the tree: IPv4, IPv6 and an IPv4 client of a dual-stack
 * listener, with data in all four queues; they go on, with their addresses and options.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: both --tcp-established --network-lock nftables
 */
#include "../inet/inet.h"

struct pair {
	int listener, client, server;
	struct in_addr_any name, peer;
};

static void connect_pair(struct pair *p, int family, bool dual)
{
	struct in_addr_any a;

	p->listener = wl_try(socket(dual ? AF_INET6 : family, SOCK_STREAM, 0));
	a = in_loopback(dual ? AF_INET6 : family, 0);
	if (dual)
		a.v6.sin6_addr = in6addr_any;
	wl_try(bind(p->listener, &a.sa, a.len));
	wl_try(listen(p->listener, 5));
	a = in_name(p->listener);
	if (dual)
		a = in_loopback(AF_INET, ntohs(a.v6.sin6_port));
	p->client = wl_try(socket(family, SOCK_STREAM, 0));
	wl_try(connect(p->client, &a.sa, a.len));
	p->server = wl_try(accept(p->listener, NULL, NULL));
	in_set(p->server, SOL_SOCKET, SO_REUSEADDR, 1);
	in_set(p->client, SOL_TCP, TCP_NODELAY, 1);
	in_set(p->client, SOL_SOCKET, SO_KEEPALIVE, 1);
	in_set(p->client, SOL_TCP, TCP_KEEPIDLE, 77);
	p->name = in_name(p->client);
	p->peer = in_peer(p->client);
	in_both_ways(p->client, p->server, 4096);
	in_send(p->client, 3000, 7);
	in_send(p->server, 5000, 8);
}

static void check(struct pair *p)
{
	in_check_same(in_name(p->client), p->name);
	in_check_same(in_peer(p->client), p->peer);
	wl_check_eq(in_get(p->server, SOL_SOCKET, SO_REUSEADDR), 1);
	wl_check_eq(in_get(p->client, SOL_SOCKET, SO_REUSEADDR), 0);
	wl_check_eq(in_get(p->client, SOL_TCP, TCP_NODELAY), 1);
	wl_check_eq(in_get(p->client, SOL_TCP, TCP_KEEPIDLE), 77);
	in_receive(p->server, 3000, 7);
	in_receive(p->client, 5000, 8);
	in_both_ways(p->client, p->server, 4096);
	in_serve(p->listener);
}

int main(void)
{
	struct pair v4, v6, mixed;

	connect_pair(&v4, AF_INET, false);
	connect_pair(&v6, AF_INET6, false);
	connect_pair(&mixed, AF_INET, true);
	wl_ready_and_wait();
	check(&v4);
	check(&v6);
	check(&mixed);
	wl_pass();
}
