/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of internet sockets that CRIU's format has fields for, and addresses: free-bind left on
 * and switched off again behind a bind to an address that is not the host's, packet info, TTL, TOS,
 * cork and no-delay, linger, broadcast, the device, a packet filter.
 *
 * wl: areas inet-sockets
 * wl: cycles 3
 */
#include "inet.h"

#include <linux/filter.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static int away(int keep)
{
	int fd = wl_try(socket(AF_INET6, SOCK_DGRAM, 0));
	struct in_addr_any a = in_loopback(AF_INET6, 0);

	a.v6.sin6_addr.s6_addr[0] = 0x20;
	in_set(fd, SOL_IPV6, IPV6_FREEBIND, 1);
	wl_try(bind(fd, &a.sa, a.len));
	in_set(fd, SOL_IPV6, IPV6_FREEBIND, keep);
	return fd;
}

/* UDP and raw of both families */
static void make_four(int fds[4])
{
	for (int i = 0; i < 4; i++) {
		int family = i & 1 ? AF_INET6 : AF_INET, level = i & 1 ? SOL_IPV6 : SOL_IP;

		fds[i] = wl_try(
			socket(family, i & 2 ? SOCK_RAW : SOCK_DGRAM, i & 2 ? IPPROTO_ICMP : 0));
		in_set(fds[i], level, i & 1 ? IPV6_FREEBIND : IP_FREEBIND, 1);
		in_set(fds[i], level, i & 1 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
		if (i & 1)
			continue;
		in_set(fds[i], SOL_IP, IP_TTL, 32);
		in_set(fds[i], SOL_IP, IP_TOS, 0x08); /* which sets a priority too */
		in_set(fds[i], SOL_SOCKET, SO_PRIORITY, i);
	}
}

static void check_four(const int fds[4])
{
	for (int i = 0; i < 4; i++) {
		int level = i & 1 ? SOL_IPV6 : SOL_IP;

		wl_check_eq(in_get(fds[i], level, i & 1 ? IPV6_FREEBIND : IP_FREEBIND), 1);
		wl_check_eq(in_get(fds[i], level, i & 1 ? IPV6_RECVPKTINFO : IP_PKTINFO), 1);
		if (i & 1)
			continue;
		wl_check_eq(in_get(fds[i], SOL_IP, IP_TTL), 32);
		wl_check_eq(in_get(fds[i], SOL_IP, IP_TOS), 0x08);
		wl_check_eq(in_get(fds[i], SOL_SOCKET, SO_PRIORITY), i);
	}
}

int main(void)
{
	struct sock_filter code[14], got[14];
	struct sock_fprog prog = { 14, code };
	struct linger linger = { 1, 30 }, l;
	socklen_t len = sizeof(l);
	int off = away(0), on = away(1), four[4], tcp[2], udp, device;
	struct in_addr_any at_off = in_name(off), at_on = in_name(on);
	char name[16] = "";

	make_four(four);
	for (int i = 0; i < 2; i++) {
		tcp[i] = wl_try(socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 0));
		in_set(tcp[i], SOL_TCP, TCP_NODELAY, 1);
		in_set(tcp[i], SOL_TCP, TCP_CORK, 1);
		wl_try(setsockopt(tcp[i], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	}
	udp = in_bound(AF_INET, SOCK_DGRAM, 0);
	in_set(udp, SOL_SOCKET, SO_BROADCAST, 1);
	for (int i = 0; i < 14; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff - i);
	wl_try(setsockopt(udp, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	device = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	wl_try(setsockopt(device, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	wl_ready_and_wait();
	wl_check_eq(in_get(off, SOL_IPV6, IPV6_FREEBIND), 0);
	wl_check_eq(in_get(on, SOL_IPV6, IPV6_FREEBIND), 1);
	in_check_same(in_name(off), at_off);
	in_check_same(in_name(on), at_on);
	check_four(four);
	for (int i = 0; i < 2; i++) {
		wl_check_eq(in_get(tcp[i], SOL_TCP, TCP_NODELAY), 1);
		wl_check_eq(in_get(tcp[i], SOL_TCP, TCP_CORK), 1);
		wl_try(getsockopt(tcp[i], SOL_SOCKET, SO_LINGER, &l, &len));
		wl_check_eq(l.l_onoff, 1);
		wl_check_eq(l.l_linger, 30);
	}
	wl_check_eq(in_get(udp, SOL_SOCKET, SO_BROADCAST), 1);
	len = 14;
	wl_try(getsockopt(udp, SOL_SOCKET, SO_GET_FILTER, got, &len));
	wl_check_eq(len, 14);
	wl_check(!memcmp(got, code, sizeof(code)));
	len = sizeof(name);
	wl_try(getsockopt(device, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	wl_check_text("device", name, "lo");
	wl_check_eq(len, 3);
	wl_pass();
}
