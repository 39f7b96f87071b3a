/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that both ends have closed, of both families and of an IPv4 client of a dual-stack
 * listener: reading tells the end, writing fails, and the names are those of before.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: crossing none the kernel tells us no peer, and CRIU can't bind while the port is in TIME_WAIT
 * wl: both --tcp-established --network-lock nftables
 */
#include "../inet/inet.h"

struct pair {
	int client, server;
	bool done;
};

static int state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info.tcpi_state;
}

static void await(int fd, int want)
{
	for (int i = 0; state(fd) != want; i++) {
		if (i == 2000)
			wl_fail("state is %d, expected %d", state(fd), want);
		wl_sleep_ms(5);
	}
}

static struct pair connect_pair(int family, bool dual)
{
	int listener = wl_try(socket(dual ? AF_INET6 : family, SOCK_STREAM, 0));
	struct in_addr_any a = in_loopback(dual ? AF_INET6 : family, 0);
	struct pair p = { 0 };

	if (dual)
		a.v6.sin6_addr = in6addr_any;
	wl_try(bind(listener, &a.sa, a.len));
	wl_try(listen(listener, 5));
	a = in_name(listener);
	if (dual)
		a = in_loopback(AF_INET, ntohs(a.v6.sin6_port));
	p.client = wl_try(socket(family, SOCK_STREAM, 0));
	wl_try(connect(p.client, &a.sa, a.len));
	p.server = wl_try(accept(listener, NULL, NULL));
	close(listener);
	return p;
}

static void close_both(struct pair *p)
{
	wl_try(shutdown(p->client, SHUT_WR));
	await(p->server, TCP_CLOSE_WAIT);
	wl_try(shutdown(p->server, SHUT_WR));
	await(p->server, TCP_CLOSE);
}

static void expect_end(int fd)
{
	char byte;

	wl_check_eq(read(fd, &byte, 1), 0);
	wl_check_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, EPIPE);
}

int main(void)
{
	static const struct {
		int family;
		bool dual;
	} kinds[] = { { AF_INET, false }, { AF_INET6, false }, { AF_INET, true } };
	struct pair closed[3];
	struct in_addr_any names[3][2];

	for (int i = 0; i < 3; i++) {
		closed[i] = connect_pair(kinds[i].family, kinds[i].dual);
		close_both(&closed[i]);
		names[i][0] = in_name(closed[i].client);
		names[i][1] = in_name(closed[i].server);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++) {
		wl_check_eq(state(closed[i].server), TCP_CLOSE);
		in_check_same(in_name(closed[i].client), names[i][0]);
		in_check_same(in_name(closed[i].server), names[i][1]);
		expect_end(closed[i].client);
		expect_end(closed[i].server);
	}
	wl_pass();
}
