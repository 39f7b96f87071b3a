/* SPDX-License-Identifier: Apache-2.0 */
/* What the workloads of TCP share: pairs of connected sockets, and the states that they are in. */
#ifndef TCP_WORKLOAD_H
#define TCP_WORKLOAD_H

#include "../inet/inet.h"

#include <fcntl.h>

struct tcp_pair {
	int client, server;
};

/* Both families, and an IPv4 client of a dual-stack listener. */
static const struct tcp_kind {
	int family;
	bool dual;
} tcp_kinds[] = { { AF_INET, false }, { AF_INET6, false }, { AF_INET, true } };
#define TCP_KINDS 3

static inline int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info.tcpi_state;
}

static inline void tcp_await(int fd, int want)
{
	for (int i = 0; tcp_state(fd) != want; i++) {
		if (i == 2000)
			wl_fail("state is %d, expected %d", tcp_state(fd), want);
		wl_sleep_ms(5);
	}
}

static inline int tcp_listening(const struct tcp_kind *k, struct in_addr_any *ret_addr)
{
	int listener = wl_try(socket(k->dual ? AF_INET6 : k->family, SOCK_STREAM, 0));
	struct in_addr_any a = in_loopback(k->dual ? AF_INET6 : k->family, 0);

	if (k->dual)
		a.v6.sin6_addr = in6addr_any;
	wl_try(bind(listener, &a.sa, a.len));
	wl_try(listen(listener, 5));
	a = in_name(listener);
	*ret_addr = k->dual ? in_loopback(AF_INET, ntohs(a.v6.sin6_port)) : a;
	return listener;
}

static inline struct tcp_pair tcp_connect(const struct tcp_kind *k)
{
	struct in_addr_any a;
	int listener = tcp_listening(k, &a);
	struct tcp_pair p = { .client = wl_try(socket(k->family, SOCK_STREAM, 0)) };

	wl_try(connect(p.client, &a.sa, a.len));
	p.server = wl_try(accept(listener, NULL, NULL));
	close(listener);
	return p;
}

/* Byte i of a stream with a number. */
static inline unsigned char tcp_byte(unsigned stream, size_t i)
{
	return (uint32_t)(i + 1) * 2654435761u >> (24 - stream % 8);
}

/* Writes the stream until no more fits, as the other end does not read. Returns how many bytes. */
static inline size_t tcp_fill(int fd, unsigned stream)
{
	unsigned char buf[8192];
	size_t sent = 0;
	ssize_t n;

	for (;; sent += n) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = tcp_byte(stream, sent + i);
		n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			break;
	}
	wl_check_eq(errno, EAGAIN);
	return sent;
}

/* The stream's bytes from..to come next. */
static inline void tcp_drain(int fd, unsigned stream, size_t from, size_t to)
{
	unsigned char buf[65536];

	while (from < to) {
		size_t want = to - from < sizeof(buf) ? to - from : sizeof(buf);
		ssize_t n = wl_try(read(fd, buf, want));

		if (!n)
			wl_fail("end of stream at byte %zu of %zu", from, to);
		for (ssize_t i = 0; i < n; i++, from++)
			if (buf[i] != tcp_byte(stream, from))
				wl_fail("byte %zu is %d, expected %d", from, buf[i],
					tcp_byte(stream, from));
	}
}

/* Reading tells the end, and writing fails. */
static inline void tcp_expect_end(int fd)
{
	char byte;

	wl_check_eq(read(fd, &byte, 1), 0);
	wl_check_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, EPIPE);
}

#endif
