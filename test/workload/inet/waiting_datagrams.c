/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that nobody has read yet, of UDP and UDP-Lite and both families: in their order, with
 * their senders (some of them closed since), bounds and contents; empty ones and large ones; on
 * sockets that are connected, that share a port, that were bound to any address, that are told to
 * what address a datagram was sent, and on one of both families. The sockets themselves are as
 * before: address, buffer, SO_PEEK_OFF.
 *
 * wl: areas inet-sockets
 * wl: cycles 3
 * wl: crossing none CRIU drops what waits
 */
#define _GNU_SOURCE
#include <arpa/inet.h>

#include "inet.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define BIG 60000

static struct kind {
	int family, protocol;
} kinds[] = {
	{ AF_INET, IPPROTO_UDP },
	{ AF_INET6, IPPROTO_UDP },
	{ AF_INET, IPPROTO_UDPLITE }, /* if there is any */
	{ AF_INET6, IPPROTO_UDPLITE },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const size_t sizes[] = { 6, 0, 1, BIG, 1473, 0, 8192 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct queue {
	int fd, sender, size, lock;
	struct in_addr_any own, from[SIZES];
};

static void send_all(struct queue *q, int to_family, struct in_addr_any to, int protocol)
{
	static char data[BIG];

	q->sender = in_bound(to_family, SOCK_DGRAM, protocol);
	for (size_t i = 0; i < SIZES; i++) {
		/* Every second one is of a socket that is gone at the dump. */
		int fd = i % 2 ? in_bound(to_family, SOCK_DGRAM, protocol) : q->sender;

		q->from[i] = in_name(fd);
		wl_fill(data, sizes[i], i);
		wl_check_eq(sendto(fd, data, sizes[i], 0, &to.sa, to.len), sizes[i]);
		if (i % 2)
			close(fd);
	}
}

static void set_up(struct queue *q, const struct kind *k, bool any)
{
	struct in_addr_any to = in_loopback(k->family, 0);

	q->fd = wl_try(socket(k->family, SOCK_DGRAM, k->protocol));
	if (any) {
		memset(&to, 0, sizeof(to));
		to = in_loopback(k->family, 0);
		if (k->family == AF_INET)
			to.v4.sin_addr.s_addr = INADDR_ANY;
		else
			to.v6.sin6_addr = in6addr_any;
	}
	wl_try(setsockopt(q->fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)));
	wl_try(bind(q->fd, &to.sa, to.len));
	q->own = in_name(q->fd);
	to = in_loopback(k->family,
			 ntohs(k->family == AF_INET ? q->own.v4.sin_port : q->own.v6.sin6_port));
	send_all(q, k->family, to, k->protocol);
}

static int get_int(int fd, int name)
{
	int value = -2;

	/* Before Linux 5.14 the kernel does not tell whether a size was asked for. */
	if (getsockopt(fd, SOL_SOCKET, name, &value, &(socklen_t){ sizeof(value) }))
		wl_check(name == SO_BUF_LOCK && errno == ENOPROTOOPT);
	return value;
}

static void save(struct queue *q)
{
	q->size = get_int(q->fd, SO_RCVBUF);
	q->lock = get_int(q->fd, SO_BUF_LOCK);
}

static struct in_addr_any mapped(struct in_addr_any v4)
{
	struct in_addr_any a = { .v6 = { .sin6_family = AF_INET6, .sin6_port = v4.v4.sin_port },
				 .len = sizeof(a.v6) };

	a.v6.sin6_addr.s6_addr[10] = a.v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&a.v6.sin6_addr.s6_addr[12], &v4.v4.sin_addr, 4);
	return a;
}

static void expect_all(const struct queue *q, bool map)
{
	static char data[BIG + 1];

	wl_check_eq(get_int(q->fd, SO_RCVBUF), q->size);
	wl_check_eq(get_int(q->fd, SO_BUF_LOCK), q->lock);
	in_check_same(in_name(q->fd), q->own);
	for (size_t i = 0; i < SIZES; i++) {
		struct in_addr_any from = { .len = sizeof(from.v6) };

		wl_check_eq(recvfrom(q->fd, data, sizeof(data), MSG_DONTWAIT, &from.sa, &from.len),
			    sizes[i]);
		wl_check(wl_matches(data, sizes[i], i));
		in_check_same(from, map ? mapped(q->from[i]) : q->from[i]);
	}
	wl_check_eq(recv(q->fd, data, sizeof(data), MSG_DONTWAIT), -1);
	wl_check_eq(errno, EAGAIN);
}

/* To which address was the next one sent? */
static void expect_sent_to(int fd, const char *address)
{
	char control[256], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	wl_check_eq(recvmsg(fd, &m, MSG_DONTWAIT), 1);
	c = CMSG_FIRSTHDR(&m);
	wl_check(c && c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO);
	wl_check_text("the address", inet_ntoa(((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr),
		      address);
}

static int told_address(void)
{
	struct in_addr_any any = { .v4 = { .sin_family = AF_INET }, .len = sizeof(any.v4) }, to;
	int fd = wl_try(socket(AF_INET, SOCK_DGRAM, 0)), sender = in_bound(AF_INET, SOCK_DGRAM, 0);

	wl_try(bind(fd, &any.sa, any.len));
	wl_try(setsockopt(fd, SOL_IP, IP_PKTINFO, &(int){ 1 }, sizeof(int)));
	to = in_name(fd);
	to.v4.sin_addr.s_addr = inet_addr("127.0.3.7");
	wl_check_eq(sendto(sender, "x", 1, 0, &to.sa, to.len), 1);
	close(sender);
	return fd;
}

int main(void)
{
	struct queue bound[KINDS], any[KINDS], both, linked;
	struct kind k = { AF_INET6, IPPROTO_UDP };
	int told = told_address(), peeked, twin;
	char buf[8];

	kinds[2].protocol = kinds[3].protocol = in_udplite();
	for (size_t i = 0; i < KINDS; i++) {
		set_up(&bound[i], &kinds[i], false);
		set_up(&any[i], &kinds[i], true);
		save(&bound[i]);
		save(&any[i]);
	}
	/* Of both families, and the sender is of IPv4; a small buffer that was asked for. */
	set_up(&both, &k, true);
	while (recv(both.fd, buf, 1, MSG_DONTWAIT) >= 0)
		;
	send_all(&both, AF_INET, in_loopback(AF_INET, ntohs(both.own.v6.sin6_port)), IPPROTO_UDP);
	wl_try(setsockopt(both.fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4000 }, sizeof(int)));
	save(&both);
	/* Connected to the one sender behind the messages; another has the port, too. */
	set_up(&linked, &kinds[0], false);
	wl_try(connect(linked.fd, &linked.from[0].sa, linked.from[0].len));
	save(&linked);
	twin = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	wl_try(setsockopt(twin, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)));
	wl_try(bind(twin, &linked.own.sa, linked.own.len));
	/* The program looks at its queue itself. */
	peeked = in_bound(AF_INET, SOCK_DGRAM, 0);
	linked.sender = in_connected(peeked);
	wl_check_eq(write(linked.sender, "first", 5), 5);
	wl_check_eq(write(linked.sender, "next", 4), 4);
	wl_try(setsockopt(peeked, SOL_SOCKET, SO_PEEK_OFF, &(int){ 5 }, sizeof(int)));
	wl_ready_and_wait();
	wl_check_eq(get_int(peeked, SO_PEEK_OFF), 5);
	wl_check_eq(recv(peeked, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT), 4);
	wl_check(!memcmp(buf, "next", 4));
	wl_check_eq(recv(peeked, buf, sizeof(buf), MSG_DONTWAIT), 5);
	for (size_t i = 0; i < KINDS; i++) {
		expect_all(&bound[i], false);
		expect_all(&any[i], false);
	}
	expect_all(&both, true);
	expect_all(&linked, false);
	in_check_same(in_peer(linked.fd), linked.from[0]);
	wl_check_eq(recv(twin, buf, sizeof(buf), MSG_DONTWAIT), -1);
	expect_sent_to(told, "127.0.3.7");
	wl_pass();
}
