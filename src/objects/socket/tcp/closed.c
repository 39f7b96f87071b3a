/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections that have ended while a descriptor is open. What is left is the own address, the
 * end of file, data that was not read, and the error that is to be told once (ECONNRESET, mostly).
 *
 * Without data and error a socket that is bound and shut down shows the same. With them, it is
 * connected once more, to a socket at the own address that sends the data, and ends or resets the
 * connection. So the peer is another than it was, which the kernel does not tell any more; what is
 * left of the real connection (TIME_WAIT) is in nobody's way, and nothing leaves the host.
 *
 * In the images it has the form of any connection's, with the state that CRIU gives such a one too,
 * and a peer at the own address; with --tcp-established also one without data, as CRIU could not
 * bind it.
 *
 * Asking for the error would take it away. Nearly always a packet of the peer's has reset the
 * connection, and that is what the restored one is told.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#define PORTS	 65535
#define PATIENCE 2000 /* ms, for packets on the loopback device */

/* Sockets that share an address are made at the same time: each has a peer of its own. */
static void invent_peer(struct arena *a, InetSkEntry *e)
{
	e->n_dst_addr = e->n_src_addr;
	e->dst_addr = arena_memdup(a, e->src_addr, e->n_src_addr * sizeof(uint32_t));
	e->dst_port = 1 + e->id % PORTS;
	if (e->dst_port == e->src_port)
		e->dst_port = e->dst_port < PORTS ? e->dst_port + 1 : 1;
}

void tcp_closed_collect(struct dump *d, struct inet_dump *x, struct inet_out *s, int fd)
{
	struct pollfd p = { .fd = fd };
	bool error = poll(&p, 1, 0) > 0 && p.revents & POLLERR;
	char byte;
	ssize_t n = error ? 0 : recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	s->e->has_shutdown = n >= 0;
	s->e->shutdown = n >= 0 ? SK_SHUTDOWN__BOTH : SK_SHUTDOWN__NONE;
	if (n < 0 || (n == 0 && !error && !d->s->opts->tcp_established))
		return;
	if (!tcp_may_repair(x)) {
		if (n == 0 && !error)
			return;
		task_refuse(s->task, s->object,
			    "is a TCP connection that has ended with unread data or an error, "
			    "which takes CAP_NET_ADMIN to keep",
			    "dump as root, or try again when the program has read it");
		return;
	}
	if (error) {
		task_warn(s->task, s->object,
			  "has ended with an error, which nobody can read without taking it away: "
			  "after the restore it is ECONNRESET",
			  "");
		socket_extra(d, s->file)->has_reset = socket_extra(d, s->file)->reset = true;
	}
	invent_peer(dump_arena(d), s->e);
	s->connection = s->kept = true;
	arena_push(dump_arena(d), x->connections, x->n, s);
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int listen_beside(const struct inet_in *s, union inet_addr *ret)
{
	socklen_t len = inet_addr_len(s->e);
	int fd = socket(s->e->family, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	inet_source(s->e, ret);
	if (ret->sa.sa_family == AF_INET)
		ret->v4.sin_port = 0;
	else
		ret->v6.sin6_port = 0;
	if (fd >= 0 && bind(fd, &ret->sa, len) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, &ret->sa, &len) == 0)
		return fd;
	err = -errno;
	close_fd(&fd);
	return err;
}

/* *ret_peer: the other end. */
static int connect_once_more(const struct inet_in *s, int fd, int *ret_peer)
{
	union inet_addr beside;
	_cleanup_fd_ int listener = listen_beside(s, &beside);
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (listener < 0)
		return listener;
	if (connect(fd, &beside.sa, inet_addr_len(s->e)) < 0)
		return -errno;
	if (poll(&p, 1, PATIENCE) != 1)
		return -ETIMEDOUT;
	*ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return *ret_peer < 0 ? -errno : 0;
}

/* All that the peer has sent has come. */
static int await_empty(int peer)
{
	struct timespec nap = { .tv_nsec = 1000000 };
	int waiting = 1;

	for (int i = 0; i < PATIENCE; i++) {
		if (ioctl(peer, SIOCOUTQ, &waiting) < 0)
			return -errno;
		if (!waiting)
			return 0;
		nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

static int reset(int fd, int *peer)
{
	struct linger at_once = { .l_onoff = 1 };

	if (setsockopt(*peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		return -errno;
	close_fd(peer);
	return tcp_await_state(fd, INET_CLOSE);
}

static int end_both(int fd, int peer)
{
	int ret = shutdown(peer, SHUT_WR) < 0 ? -errno : tcp_await_state(fd, INET_CLOSE_WAIT);

	if (ret == 0 && shutdown(fd, SHUT_WR) < 0)
		ret = -errno;
	return ret < 0 ? ret : tcp_await_state(fd, INET_CLOSE);
}

int tcp_closed_make(struct restore_task *t, struct inet_in *s, int fd)
{
	bool with_error = s->x && s->x->has_reset && s->x->reset;
	struct timeval patience = { .tv_sec = PATIENCE / 1000 };
	_cleanup_free_ char *own = NULL;
	const char *data;
	_cleanup_fd_ int peer = -1;
	int ret = tcp_queues(t, s, s->ended, &data, &own);

	if (ret < 0)
		return ret;
	tcp_make_room(fd, SO_RCVBUFFORCE, s->ended->inq_len, s->e->opts->so_rcvbuf);
	ret = connect_once_more(s, fd, &peer);
	if (ret == 0 && setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		ret = -errno;
	if (ret == 0)
		ret = tcp_send_all(peer, data, s->ended->inq_len, 0);
	if (ret == 0)
		ret = await_empty(peer);
	if (ret == 0)
		ret = with_error ? reset(fd, &peer) : end_both(fd, peer);
	socket_options_buffers(s->e->opts, fd);
	return tcp_failed(t, s, "bring back what was not read of", ret);
}
