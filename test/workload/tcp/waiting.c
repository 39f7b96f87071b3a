/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that a listener has not accepted yet: they are accepted behind the restore in their
 * order, by their addresses, with the listener's options, with what was sent, said and negotiated
 * before, and go on both ways. One client has ended what it sends, one has reset its connection,
 * and two have sent until nothing more fits, one of them in short segments.
 *
 * wl: areas tcp
 * wl: both --tcp-established --network-lock nftables
 * wl: needs kernel:6.9
 * wl: crossing none CRIU refuses a listener with connections that are not accepted
 * wl: ignore fdinfo
 */
#include "tcp.h"

#define CLIENTS 6
#define SHORT	1400 /* bytes of a segment, as on an Ethernet */

enum { QUIET, SENDS, ENDS, RESETS, FULL, FULL_SHORT };

static struct listener {
	struct tcp_kind kind;
	struct in_addr_any addr, names[CLIENTS];
	int fd, clients[CLIENTS];
	struct tcp_info info[CLIENTS];
	size_t full, full_short;
} listeners[] = { { .kind = { AF_INET, false } },
		  { .kind = { AF_INET6, false } },
		  { .kind = { AF_INET, true } } };
#define LISTENERS (sizeof(listeners) / sizeof(*listeners))

static struct tcp_info info_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info;
}

static void set_up(struct listener *l)
{
	int on = 1, idle = 77, segment = SHORT;
	struct linger at_once = { .l_onoff = 1 };

	l->fd = tcp_listening(&l->kind, &l->addr);
	wl_try(setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	wl_try(setsockopt(l->fd, SOL_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)));
	for (int i = 0; i < CLIENTS; i++) {
		l->clients[i] = wl_try(socket(l->kind.family, SOCK_STREAM, 0));
		if (i == FULL_SHORT)
			wl_try(setsockopt(l->clients[i], SOL_TCP, TCP_MAXSEG, &segment,
					  sizeof(segment)));
		wl_try(connect(l->clients[i], &l->addr.sa, l->addr.len));
		l->names[i] = in_name(l->clients[i]);
		l->info[i] = info_of(l->clients[i]);
	}
	in_send(l->clients[SENDS], 70000, 1);
	in_send(l->clients[ENDS], 100, 2);
	wl_try(shutdown(l->clients[ENDS], SHUT_WR));
	tcp_await(l->clients[ENDS], 5 /* FIN_WAIT2 */);
	in_send(l->clients[RESETS], 10, 3);
	wl_try(setsockopt(l->clients[RESETS], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	close(l->clients[RESETS]);
	l->full = tcp_fill(l->clients[FULL], 4);
	l->full_short = tcp_fill(l->clients[FULL_SHORT], 5);
}

static int accept_next(const struct listener *l, int i)
{
	struct in_addr_any got = { .len = sizeof(got.v6) };
	int fd = wl_try(accept(l->fd, &got.sa, &got.len)), value = 0;
	socklen_t len = sizeof(value);

	if (l->kind.dual) {
		wl_check(IN6_IS_ADDR_V4MAPPED(&got.v6.sin6_addr));
		wl_check_eq(got.v6.sin6_port, l->names[i].v4.sin_port);
	} else {
		in_check_same(got, l->names[i]);
	}
	wl_try(getsockopt(fd, SOL_TCP, TCP_KEEPIDLE, &value, &len));
	wl_check_eq(value, 77);
	wl_try(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &len));
	wl_check_eq(value, 0);
	return fd;
}

/* What the one end promises to send is what the other has heard. */
static void check_negotiated(const struct listener *l, int i, int fd)
{
	struct tcp_info server = info_of(fd), client = info_of(l->clients[i]);

	wl_check_eq(server.tcpi_options, l->info[i].tcpi_options);
	wl_check_eq(client.tcpi_options, l->info[i].tcpi_options);
	wl_check_eq(server.tcpi_snd_wscale, l->info[i].tcpi_rcv_wscale);
	wl_check_eq(server.tcpi_rcv_wscale, l->info[i].tcpi_snd_wscale);
	wl_check(server.tcpi_snd_mss > 1000);
}

static void check(struct listener *l)
{
	int fd = accept_next(l, QUIET);
	char byte;

	check_negotiated(l, QUIET, fd);
	in_both_ways(l->clients[QUIET], fd, 100000);
	fd = accept_next(l, SENDS);
	check_negotiated(l, SENDS, fd);
	in_receive(fd, 70000, 1);
	in_both_ways(l->clients[SENDS], fd, 1000);
	fd = accept_next(l, ENDS);
	wl_check_eq(tcp_state(fd), 8 /* CLOSE_WAIT */);
	in_receive(fd, 100, 2);
	wl_check_eq(read(fd, &byte, 1), 0);
	in_send(fd, 5000, 5);
	in_receive(l->clients[ENDS], 5000, 5);
	close(fd);
	wl_check_eq(read(l->clients[ENDS], &byte, 1), 0);
	fd = accept_next(l, RESETS);
	wl_check_eq(tcp_state(fd), 7 /* CLOSE */);
	in_receive(fd, 10, 3);
	wl_check_eq(read(fd, &byte, 1), -1);
	wl_check_eq(errno, ECONNRESET);
	fd = accept_next(l, FULL);
	tcp_drain(fd, 4, 0, l->full);
	in_both_ways(l->clients[FULL], fd, 1000);
	fd = accept_next(l, FULL_SHORT);
	tcp_drain(fd, 5, 0, l->full_short);
	in_both_ways(l->clients[FULL_SHORT], fd, 1000);
	in_serve(l->fd);
}

int main(void)
{
	for (size_t i = 0; i < LISTENERS; i++)
		set_up(&listeners[i]);
	wl_ready_and_wait();
	for (size_t i = 0; i < LISTENERS; i++)
		check(&listeners[i]);
	wl_pass();
}
