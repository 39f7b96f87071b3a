/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many connections that the tool has several threads make them: of one listener, each with its
 * own data, addresses and options, some half closed, in a process whose own threads keep their ids.
 *
 * wl: areas tcp
 * wl: cycles 2
 * wl: crossing none established.c crosses
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

#include <pthread.h>

#define PAIRS 90

static struct pair {
	struct tcp_pair p;
	struct in_addr_any names[2];
} pairs[PAIRS];

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static bool is_half_closed(int i)
{
	return i % 10 == 9;
}

static void make(struct pair *p, int i, int listener, const struct in_addr_any *a)
{
	p->p.client = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	wl_try(connect(p->p.client, &a->sa, a->len));
	p->p.server = wl_try(accept(listener, NULL, NULL));
	in_set(p->p.client, SOL_TCP, TCP_NODELAY, i % 2);
	in_set(p->p.server, SOL_SOCKET, SO_REUSEADDR, i % 3 == 0);
	if (i % 4 == 0)
		in_set(p->p.server, SOL_TCP, TCP_KEEPIDLE, 100 + i);
	in_send(p->p.client, 10 + i, i);
	in_send(p->p.server, i % 20 ? 30 + i : 9000, i + 1);
	if (is_half_closed(i)) {
		wl_try(shutdown(p->p.client, SHUT_WR));
		tcp_await(p->p.server, TCP_CLOSE_WAIT);
	}
	p->names[0] = in_name(p->p.client);
	p->names[1] = in_name(p->p.server);
}

static void check(struct pair *p, int i)
{
	in_check_same(in_name(p->p.client), p->names[0]);
	in_check_same(in_name(p->p.server), p->names[1]);
	wl_check_eq(in_get(p->p.client, SOL_TCP, TCP_NODELAY), i % 2);
	wl_check_eq(in_get(p->p.server, SOL_SOCKET, SO_REUSEADDR), i % 3 == 0);
	if (i % 4 == 0)
		wl_check_eq(in_get(p->p.server, SOL_TCP, TCP_KEEPIDLE), 100 + i);
	in_receive(p->p.server, 10 + i, i);
	in_receive(p->p.client, i % 20 ? 30 + i : 9000, i + 1);
	if (!is_half_closed(i)) {
		in_both_ways(p->p.client, p->p.server, 500);
		return;
	}
	wl_check_eq(tcp_state(p->p.server), TCP_CLOSE_WAIT);
	in_send(p->p.server, 700, 3);
	in_receive(p->p.client, 700, 3);
}

int main(void)
{
	struct in_addr_any a;
	int listener = tcp_listening(&tcp_kinds[0], &a);
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		wl_check_eq(pthread_create(&thread, NULL, idle, NULL), 0);
	for (int i = 0; i < PAIRS; i++)
		make(&pairs[i], i, listener, &a);
	wl_ready_and_wait();
	for (int i = 0; i < PAIRS; i++)
		check(&pairs[i], i);
	in_serve(listener);
	wl_pass();
}
