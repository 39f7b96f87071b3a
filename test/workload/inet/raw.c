/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw sockets of both families: of every protocol number, header-include, ICMP filters, a
 * connected one; afterwards a datagram that is made by hand reaches a UDP socket.
 *
 * wl: areas inet-sockets
 * wl: cycles 2
 */
#include "inet.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

static void send_by_hand(int raw, int to)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char text[4];
	} p = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP } };
	struct in_addr_any a = in_name(to);
	char got[8];

	p.ip.saddr = p.ip.daddr = htonl(INADDR_LOOPBACK);
	p.ip.tot_len = htons(sizeof(p));
	p.udp.source = htons(9);
	p.udp.dest = a.v4.sin_port;
	p.udp.len = htons(sizeof(p.udp) + sizeof(p.text));
	memcpy(p.text, "hand", 4);
	wl_check_eq(sendto(raw, &p, sizeof(p), 0, &a.sa, a.len), sizeof(p));
	wl_check_eq(recv(to, got, sizeof(got), 0), 4);
	wl_check(!memcmp(got, "hand", 4));
}

int main(void)
{
	int udp = in_bound(AF_INET, SOCK_DGRAM, 0), hand, icmp, icmp6, bound, other[2][256];
	struct icmp6_filter filter6, got6;
	struct icmp_filter filter = { 0x1234 }, got;
	struct in_addr_any a = in_loopback(AF_INET, 0);
	socklen_t len = sizeof(got);

	for (int i = 0; i < 2; i++)
		for (int protocol = 1; protocol < 256; protocol++)
			other[i][protocol] =
				wl_try(socket(i ? AF_INET6 : AF_INET, SOCK_RAW, protocol));
	hand = wl_try(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	icmp = wl_try(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	wl_try(setsockopt(icmp, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)));
	icmp6 = wl_try(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	wl_try(setsockopt(icmp6, SOL_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6)));
	bound = wl_try(socket(AF_INET, SOCK_RAW, 99));
	in_set(bound, SOL_IP, IP_HDRINCL, 1);
	wl_try(bind(bound, &a.sa, a.len));
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++)
		for (int protocol = 1; protocol < 256; protocol++) {
			wl_check_eq(in_get(other[i][protocol], SOL_SOCKET, SO_PROTOCOL), protocol);
			wl_check_eq(in_get(other[i][protocol], SOL_SOCKET, SO_DOMAIN),
				    i ? AF_INET6 : AF_INET);
		}
	wl_try(getsockopt(icmp, SOL_RAW, ICMP_FILTER, &got, &len));
	wl_check_eq(got.data, filter.data);
	len = sizeof(got6);
	wl_try(getsockopt(icmp6, SOL_ICMPV6, ICMP6_FILTER, &got6, &len));
	wl_check(!memcmp(&got6, &filter6, sizeof(got6)));
	wl_check_eq(in_name(bound).v4.sin_addr.s_addr, a.v4.sin_addr.s_addr);
	wl_check_eq(in_get(bound, SOL_IP, IP_HDRINCL), 1);
	send_by_hand(hand, udp);
	wl_pass();
}
