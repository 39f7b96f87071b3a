/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams of UDP and UDP-Lite that wait to be read, with their senders.
 *
 * Dump: they are read without being taken, by MSG_PEEK and SO_PEEK_OFF (Linux 4.9 for UDP). An
 * empty one that was looked at before is not shown again (udp.c, __skb_try_recv_from_queue()).
 *
 * Restore: a new socket, before it has its own address, gets a port of the kernel's choice on the
 * loopback device. The datagrams are sent to that, by a raw socket, in their senders' names
 * (inet/forge.c), one behind the other. Then it is disconnected, which takes a port away that
 * nobody has asked for by number (__udp_disconnect(), net/ipv4/datagram.c) and leaves the queue:
 * the socket is as new, but for what waits in it. So nobody else can get what is sent, whoever
 * shares the final address, and no filter, connection or multicast group is in the way yet.
 *
 * Sockets that are told the address that a datagram was sent to (IP_PKTINFO) get it sent to that,
 * if the host has it; the device is the loopback one. Those of raw and ping sockets are lost: all
 * raw sockets of a protocol get what is sent to one of them.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/log.h"
#include "objects/socket/inet/inet.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define DATA_MAX      65535u
#define CONTROL_SIZE  1024
#define OVERHEAD      2048 /* of a datagram, in the kernel's accounts, at most */
#define QUEUE_MAX     ((uint64_t)INT32_MAX / 4)
#define PATIENCE_MSEC 500

/* --- dump ----------------------------------------------------------------------------------------
 */

struct walk {
	struct dump *d;
	const struct inet_out *s;
	int fd, error;
	int old; /* SO_PEEK_OFF */
	char *buf;
	CrtoolsDatagram **all;
	size_t n;
	bool far; /* from addresses that mean something only with another device */
};

static void take_control(struct walk *w, struct msghdr *m, CrtoolsDatagram *g)
{
	const void *to = NULL;
	int segment;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO) {
			to = &((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr;
			g->to.len = sizeof(struct in_addr);
		} else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			to = &((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr;
			g->to.len = sizeof(struct in6_addr);
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			g->has_segment = segment > 0;
			g->segment = segment;
		}
	}
	g->has_to = to != NULL;
	g->to.data = to ? arena_memdup(dump_arena(w->d), to, g->to.len) : NULL;
}

static void take_datagram(struct walk *w, struct msghdr *m, size_t len)
{
	struct arena *a = dump_arena(w->d);
	const union inet_addr *from = m->msg_name;
	CrtoolsDatagram *g = arena_msg(a, CrtoolsDatagram, crtools_datagram);
	bool v4 = from->sa.sa_family == AF_INET;

	if (!v4 && IN6_IS_ADDR_LINKLOCAL(&from->v6.sin6_addr)) {
		w->far = true;
		return;
	}
	g->has_sender = g->has_port = g->has_data = true;
	g->sender.len = v4 ? sizeof(from->v4.sin_addr) : sizeof(from->v6.sin6_addr);
	g->sender.data = arena_memdup(
		a, v4 ? (const void *)&from->v4.sin_addr : &from->v6.sin6_addr, g->sender.len);
	g->port = ntohs(v4 ? from->v4.sin_port : from->v6.sin6_port);
	g->data.len = len;
	g->data.data = arena_memdup(a, w->buf, len);
	take_control(w, m, g);
	arena_push(a, w->all, w->n, g);
}

static void put_back(void *data)
{
	const struct walk *w = data;

	socket_set_peek_off(w->fd, w->old);
}

static void walk(void *data)
{
	struct walk *w = data;
	int ret = socket_set_peek_off(w->fd, 0);

	fault_hold("helper-queue");

	while (ret == 0) {
		char control[CONTROL_SIZE] __attribute__((aligned(sizeof(size_t))));
		union inet_addr from = { 0 };
		struct iovec iov = { w->buf, DATA_MAX };
		struct msghdr m = { .msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(w->fd, &m, MSG_PEEK | MSG_DONTWAIT);

		if (n >= 0)
			take_datagram(w, &m, n);
		else if (errno != EINTR)
			ret = -errno;
	}
	put_back(w);
	w->error = ret == -EAGAIN ? 0 : -ret;
}

static int read_queue(struct dump *d, const struct inet_out *s, int fd)
{
	struct walk w = { .d = d, .s = s, .fd = fd };
	const struct apart work = { walk, put_back, &w };
	CrtoolsSocket *extra;
	int ret;

	w.buf = arena_alloc(dump_arena(d), DATA_MAX);
	w.old = socket_int(fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	ret = socket_run_apart(d, &work);
	errno = w.error;
	if (ret == 0 && w.error)
		ret = err_sys(dump_err(d), "recvmsg", "can't look into the queue of %s", s->object);
	if (ret < 0)
		return ret;
	if (w.far)
		task_warn(
			s->task, s->object,
			"has datagrams from link-local addresses that were not read yet; they are "
			"lost, as the network may lose them",
			"");
	if (!w.n)
		return 0;
	extra = socket_extra(d, s->file);
	extra->datagram = w.all;
	extra->n_datagram = w.n;
	return 0;
}

int inet_queue_collect(struct dump *d, struct inet_out *s, int fd)
{
	struct pollfd queue = { .fd = fd, .events = POLLIN };
	bool waits = poll(&queue, 1, 0) > 0 && queue.revents & POLLIN && !(s->e->shutdown & 1);

	/* Asking for the error would take it from a program that goes on, and so would a look. */
	if (queue.revents & POLLERR) {
		task_warn(s->task, s->object,
			  "has an error that was not told yet; it is lost, and so are datagrams "
			  "behind it",
			  "");
		return 0;
	}
	if (waits && inet_has_ports(s->e))
		return d->examining ? 0 : read_queue(d, s, fd);
	if (waits)
		task_warn(s->task, s->object,
			  "has datagrams that were not read yet: they are lost, as the network may "
			  "lose them",
			  "");
	return 0;
}

/* --- restore -------------------------------------------------------------------------------------
 */

static bool is_address(const ProtobufCBinaryData *addr)
{
	return addr->len == sizeof(struct in_addr) || addr->len == sizeof(struct in6_addr);
}

/* What all of them may take in the kernel's accounts; 0: no queue can be like that. */
static uint64_t room_for(const struct inet_in *s)
{
	uint64_t need = 0;

	for (size_t i = 0; i < s->x->n_datagram; i++) {
		const CrtoolsDatagram *g = s->x->datagram[i];
		uint64_t pieces = g->has_segment && g->segment ? g->data.len / g->segment + 1 : 1;

		if (!is_address(&g->sender) || g->port > UINT16_MAX || g->data.len > DATA_MAX ||
		    (g->has_to && !is_address(&g->to)))
			return 0;
		need += 2 * g->data.len + pieces * OVERHEAD;
	}
	return need <= QUEUE_MAX ? need : 0;
}

int inet_queue_check(struct restore *r, const struct inet_in *s)
{
	_cleanup_fd_ int raw = -1;

	if (!s->x || !s->x->n_datagram)
		return 0;
	if (s->e->type != SOCK_DGRAM || !inet_has_ports(s->e) || !room_for(s))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: %s has datagrams that none can have",
			       inet_object(r, s));
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (raw < 0)
		report_warn(&r->s->report, 0, inet_object(r, s),
			    "has datagrams that were not read yet, which can't be put back; they "
			    "are lost, as the network may lose them",
			    "restore as root, or with CAP_NET_RAW");
	return 0;
}

/* A socket that is being filled. */
struct filling {
	const struct inet_in *s;
	int fd, raw[2]; /* of IPv4, of IPv6; -1 */
	uint16_t port;
	int old_size, old_lock;
};

static uint32_t bytes_in(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len);
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* The next one is sent when this one has arrived, so the order stays. */
static int await_arrival(int fd, uint32_t before)
{
	for (int i = 0; bytes_in(fd) <= before; i++) {
		if (i == PATIENCE_MSEC)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
	return 0;
}

static int send_piece(struct filling *x, const CrtoolsDatagram *g, size_t at, size_t len)
{
	struct in_addr v4_home = { htonl(INADDR_LOOPBACK) };
	struct inet_forged p = { .protocol = x->s->e->proto,
				 .from = g->sender.data,
				 .to = g->to.data,
				 .from_port = g->port,
				 .to_port = x->port,
				 .data = g->data.data + at,
				 .len = len };
	bool mapped = g->sender.len == sizeof(struct in6_addr) &&
		      IN6_IS_ADDR_V4MAPPED((struct in6_addr *)g->sender.data);
	int *raw, ret;

	p.v6 = g->sender.len == sizeof(struct in6_addr) && !mapped;
	if (mapped)
		p.from = g->sender.data + 12;
	if (mapped && g->has_to)
		p.to = g->to.len == sizeof(struct in6_addr) ? g->to.data + 12 : g->to.data;
	else if (g->has_to && (g->to.len == sizeof(struct in6_addr)) != p.v6)
		p.to = NULL;
	raw = &x->raw[p.v6];
	if (*raw < 0)
		*raw = socket(p.v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (*raw < 0)
		return -errno;
	ret = p.to ? inet_forge(*raw, &p) : -EADDRNOTAVAIL;
	if (ret == 0)
		return 0;
	p.to = p.v6 ? (const void *)&in6addr_loopback : &v4_home;
	return inet_forge(*raw, &p);
}

static int put(struct filling *x, const CrtoolsDatagram *g)
{
	size_t piece = g->has_segment && g->segment ? g->segment : DATA_MAX, at = 0;

	do {
		size_t left = g->data.len - at, len = left < piece ? left : piece;
		uint32_t before = bytes_in(x->fd);
		int ret = send_piece(x, g, at, len);

		if (ret == 0)
			ret = await_arrival(x->fd, before);
		if (ret < 0)
			return ret;
		at += len;
	} while (at < g->data.len);
	return 0;
}

static int begin(struct filling *x)
{
	union inet_addr own = { .sa.sa_family = x->s->e->family };
	socklen_t len = inet_addr_len(x->s->e);
	int size = room_for(x->s) / 2;

	x->old_size = socket_int(x->fd, SOL_SOCKET, SO_RCVBUF, 0);
	x->old_lock = socket_int(x->fd, SOL_SOCKET, SO_BUF_LOCK, -1);
	if (2 * size > x->old_size &&
	    setsockopt(x->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(x->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(x->fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) < 0 ||
	    bind(x->fd, &own.sa, len) < 0 || getsockname(x->fd, &own.sa, &len) < 0)
		return -errno;
	x->port = ntohs(own.sa.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port);
	return 0;
}

/* As new again. */
static int end(struct filling *x)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int half = x->old_size / 2, size = socket_int(x->fd, SOL_SOCKET, SO_RCVBUF, 0);

	close_fd(&x->raw[0]);
	close_fd(&x->raw[1]);
	if (connect(x->fd, &none, sizeof(none)) < 0 ||
	    setsockopt(x->fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0) < 0)
		return -errno;
	if (size == x->old_size)
		return 0;
	if (setsockopt(x->fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) < 0)
		setsockopt(x->fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half));
	if (x->old_lock >= 0)
		setsockopt(x->fd, SOL_SOCKET, SO_BUF_LOCK, &x->old_lock, sizeof(x->old_lock));
	return 0;
}

int inet_queue_fill(struct restore_task *t, const struct inet_in *s, int fd)
{
	struct filling x = { .s = s, .fd = fd, .raw = { -1, -1 } };
	size_t done = 0;
	int ret;

	if (!s->x || !s->x->n_datagram)
		return 0;
	ret = begin(&x);
	while (ret == 0 && done < s->x->n_datagram) {
		ret = put(&x, s->x->datagram[done]);
		done += ret == 0;
	}
	if (ret < 0)
		log_warn("%s: %zu of %zu datagrams that were not read yet can't be put back (%s): "
			 "they are lost, as the network may lose them",
			 inet_object(t->r, s), s->x->n_datagram - done, s->x->n_datagram,
			 ret == -ETIMEDOUT ? "a firewall may keep them from the device lo"
					   : strerror(-ret));
	ret = end(&x);
	if (ret == 0)
		return 0;
	errno = -ret;
	return inet_failed(t, s, "connect", "take the filling's address from");
}
