/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets without a connection: listeners of both families and a dual-stack one with their
 * backlogs, one that is bound, one that is new; afterwards each serves, or can be used.
 *
 * wl: areas inet-sockets tcp
 * wl: flavours host user
 * wl: cycles 3
 */
#include "inet.h"

static int backlog(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	wl_check_eq(info.tcpi_state, TCP_LISTEN);
	return info.tcpi_sacked;
}

static int dual_stack(void)
{
	int fd = wl_try(socket(AF_INET6, SOCK_STREAM, 0));
	struct in_addr_any a = in_loopback(AF_INET6, 0);

	in_set(fd, SOL_IPV6, IPV6_V6ONLY, 0);
	a.v6.sin6_addr = in6addr_any;
	wl_try(bind(fd, &a.sa, a.len));
	wl_try(listen(fd, 3));
	return fd;
}

static void serve_v4(int dual)
{
	struct in_addr_any a = in_loopback(AF_INET, ntohs(in_name(dual).v6.sin6_port));
	int client = wl_try(socket(AF_INET, SOCK_STREAM, 0)), server;

	wl_try(connect(client, &a.sa, a.len));
	server = wl_try(accept(dual, NULL, NULL));
	in_both_ways(client, server, 1024);
}

int main(void)
{
	int v4 = in_listening(AF_INET, 5), v6 = in_listening(AF_INET6, 7), dual = dual_stack();
	int bound = in_bound(AF_INET, SOCK_STREAM, 0), bound6 = in_bound(AF_INET6, SOCK_STREAM, 0);
	int fresh = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	struct in_addr_any at = in_name(bound), at6 = in_name(bound6), a;

	wl_ready_and_wait();
	wl_check_eq(backlog(v4), 5);
	wl_check_eq(backlog(v6), 7);
	wl_check_eq(backlog(dual), 3);
	wl_check_eq(in_get(dual, SOL_IPV6, IPV6_V6ONLY), 0);
	in_serve(v4);
	in_serve(v6);
	in_serve(dual);
	serve_v4(dual);
	in_check_same(in_name(bound), at);
	in_check_same(in_name(bound6), at6);
	a = in_name(v4);
	wl_try(connect(bound, &a.sa, a.len));
	in_both_ways(bound, wl_try(accept(v4, NULL, NULL)), 4096);
	wl_try(connect(fresh, &a.sa, a.len));
	in_both_ways(fresh, wl_try(accept(v4, NULL, NULL)), 4096);
	a = in_name(v6);
	wl_try(connect(bound6, &a.sa, a.len));
	in_both_ways(bound6, wl_try(accept(v6, NULL, NULL)), 4096);
	in_check_same(in_name(bound6), at6);
	wl_pass();
}
