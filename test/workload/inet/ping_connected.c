/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket for ICMP echoes that is connected: no port tells so.
 *
 * wl: areas inet-sockets
 * wl: cycles 3
 * wl: crossing none CRIU takes it for one that is not connected
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

	memcpy(request + 8, "question", 8);
	wl_check_eq(send(fd, request, sizeof(request), 0), sizeof(request));
	wl_check_eq(recv(fd, got, sizeof(got), 0), sizeof(request));
	wl_check_eq(got[0], family == AF_INET ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY);
	wl_check(!memcmp(got + 8, "question", 8));
}

int main(void)
{
	struct in_addr_any a = in_loopback(AF_INET, 0);
	int fd;

	wl_write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");
	fd = ping_socket(AF_INET);
	wl_try(connect(fd, &a.sa, a.len));
	ping(fd, AF_INET);
	wl_ready_and_wait();
	ping(fd, AF_INET);
	wl_pass();
}
