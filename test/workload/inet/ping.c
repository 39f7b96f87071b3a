/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets for ICMP echoes, of both families, with a time limit on receiving: a request is
 * answered afterwards.
 *
 * wl: areas inet-sockets
 * wl: cycles 3
 */
#include "inet.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <sys/time.h>

static int ping_socket(int family)
{
	int fd = wl_try(socket(family, SOCK_DGRAM,
			       family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6));
	struct timeval second = { .tv_sec = 1 };

	wl_try(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)));
	return fd;
}

static void ping(int fd, int family)
{
	unsigned char request[16] = { family == AF_INET ? ICMP_ECHO : ICMPV6_ECHO_REQUEST },
		      got[64];
	struct in_addr_any a = in_loopback(family, 0);

	memcpy(request + 8, "question", 8);
	wl_check_eq(sendto(fd, request, sizeof(request), 0, &a.sa, a.len), sizeof(request));
	wl_check_eq(recv(fd, got, sizeof(got), 0), sizeof(request));
	wl_check_eq(got[0], family == AF_INET ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY);
	wl_check(!memcmp(got + 8, "question", 8));
}

int main(void)
{
	int v4, v6;

	wl_write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");
	v4 = ping_socket(AF_INET);
	v6 = ping_socket(AF_INET6);
	ping(v4, AF_INET);
	wl_ready_and_wait();
	ping(v4, AF_INET);
	ping(v6, AF_INET6);
	wl_pass();
}
