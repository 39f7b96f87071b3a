/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making internet sockets again: what has to be set early, then the address, then all other
 * options, then listening; a datagram socket is connected when it has all. Only what must not keep
 * another one out while all are bound (SO_REUSEADDR, SO_REUSEPORT) gets its final value when the
 * owner has opened all.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)

static void allow(int fd, int level, int name)
{
	int on = 1;

	setsockopt(fd, level, name, &on, sizeof(on));
}

/* CRIU's images do not say whether the address was the host's. */
bool inet_may_be_away(const struct inet_in *s)
{
	return !s->is_local && (!s->x || !s->x->has_address_away || s->x->address_away ||
				(s->e->ip_opts && s->e->ip_opts->freebind));
}

void inet_allow_reuse(const struct inet_in *s, int fd)
{
	if (!inet_shares(s))
		return;
	allow(fd, SOL_SOCKET, SO_REUSEADDR);
	allow(fd, SOL_SOCKET, SO_REUSEPORT);
}

int inet_bind(const struct inet_in *s, int fd)
{
	union inet_addr own;

	if (!inet_source(s->e, &own))
		return 0;
	inet_allow_reuse(s, fd);
	if (inet_may_be_away(s))
		allow(fd, inet_level(s->e), s->e->family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND);
	return bind(fd, &own.sa, inet_addr_len(s->e)) < 0 ? -errno : 0;
}

/*
 * What is left of a connection keeps others out of its port unless both allow it (SO_REUSEADDR),
 * and it can't be asked to. In repair mode bind(2) does not look for it; listen(2), which has to be
 * outside of that, looks again, but not where the port was bound last by a socket of the same user
 * with SO_REUSEPORT (sk_reuseport_match() in net/ipv4/inet_connection_sock.c).
 */
int inet_bind_beside(const struct inet_in *s, int fd)
{
	int ret;

	allow(fd, SOL_SOCKET, SO_REUSEPORT);
	ret = tcp_repair(fd, TCP_REPAIR_BEGIN);
	if (ret < 0)
		return -EADDRINUSE;
	ret = inet_bind(s, fd);
	tcp_repair(fd, TCP_REPAIR_END);
	return ret;
}

void inet_moment(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

int inet_failed(struct restore_task *t, const struct inet_in *s, const char *call, const char *what)
{
	return err_sys(restore_err(t->r), call, "can't %s %s", what, inet_object(t->r, s));
}

/* Options but for the two that others need to be bound. */
int inet_set_options(struct restore_task *t, struct inet_in *s, int fd)
{
	int ret = socket_options_late(t, s->file, s->e->opts, s->e->family, fd);

	if (ret == 0)
		ret = inet_options_late(t, s->file, s->e, fd);
	if (ret == 0)
		ret = inet_options_priority(t, s->file, s->e, fd);
	return ret < 0 ? ret : inet_groups_join(t, s->file, s->e, s->x, fd);
}

static int connect_datagram(struct restore_task *t, struct inet_in *s, int fd)
{
	union inet_addr peer;

	if (inet_is_tcp(s->e) || s->e->state != INET_ESTABLISHED ||
	    !inet_destination(s->e, &peer) || connect(fd, &peer.sa, inet_addr_len(s->e)) == 0)
		return 0;
	return inet_failed(t, s, "connect", "connect");
}

/* One that has closed its connection does not have its port, but shows it still; maybe another has
 * it, or the kernel, for what is left of the connection (TIME_WAIT). In repair mode that is no
 * hindrance. */
static int bind_closed(const struct inet_in *s, int fd)
{
	bool repairs = tcp_repair(fd, TCP_REPAIR_BEGIN) == 0;
	int ret = inet_bind(s, fd);

	if (repairs)
		tcp_repair(fd, TCP_REPAIR_END);
	return ret;
}

static int make_idle(struct restore_task *t, struct inet_in *s, int fd)
{
	const InetSkEntry *e = s->e;
	int ret = inet_was_closed(e) ? bind_closed(s, fd) : inet_bind(s, fd);

	if (ret == -EADDRINUSE && s->port->rests)
		ret = inet_bind_beside(s, fd);
	if (ret < 0) {
		errno = -ret;
		return inet_failed(t, s, "bind", "give its address to");
	}
	ret = s->ended ? tcp_closed_make(t, s, fd) : 0;
	if (ret == 0)
		ret = inet_set_options(t, s, fd);
	if (ret == 0 && e->state == INET_LISTEN && listen(fd, e->backlog) < 0)
		ret = inet_failed(t, s, "listen", "listen with");
	if (s->port && e->state == INET_LISTEN)
		s->port->n_listening_open++;
	if (ret == 0)
		ret = tcp_waiting_make(t, s, fd);
	return ret < 0 ? ret : connect_datagram(t, s, fd);
}

/* A listener can't be bound to the port of a connection, but a connection to that of a listener. */
static bool has_to_wait(const struct inet_in *s)
{
	return (s->stream || inet_was_closed(s->e)) && s->port &&
	       s->port->n_listening_open < s->port->n_listening;
}

/* The long row of calls that makes a connection whole needs nothing but the socket. */
static bool is_furnished_later(const struct inet_in *s)
{
	return s->stream && s->queues && tcp_stays_in_repair(s) && (!s->x || !s->x->n_datagram);
}

int inet_furnish(struct restore_task *t, struct restore_file *f, int fd)
{
	struct inet_in *s = f->priv;
	const InetSkEntry *e = s->e;
	int ret = inet_queue_fill(t, s, fd);

	if (ret == 0)
		ret = socket_options_early(t, f, e->opts, e->family, fd);
	if (ret == 0)
		ret = inet_options_early(t, f, e, fd);
	if (ret == 0)
		ret = tcp_keys_set(t, s, fd);
	if (ret < 0)
		return ret;
	if (!s->stream && !tcp_is_connection(e)) /* else it is one, or was, with --tcp-close */
		return make_idle(t, s, fd);
	ret = s->stream ? tcp_make(t, s, fd) : 0;
	return ret < 0 ? ret : inet_set_options(t, s, fd);
}

int inet_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct inet_in *s = f->priv;
	const InetSkEntry *e = s->e;
	_cleanup_fd_ int fd = -1;
	int ret;

	if (has_to_wait(s))
		return -EAGAIN;
	fd = socket(e->family, e->type | restore_cloexec(t, f, SOCK_CLOEXEC), e->proto);
	if (fd < 0)
		return inet_failed(t, s, "socket", "make");
	f->bare = is_furnished_later(s);
	ret = f->bare ? 0 : inet_furnish(t, f, fd);
	if (ret < 0)
		return ret;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* shutdown(2) of one that is not connected says so, and works. */
static int shut_down(struct restore_task *t, const struct inet_in *s, int fd)
{
	static const int how[] = { [SK_SHUTDOWN__READ] = SHUT_RD,
				   [SK_SHUTDOWN__WRITE] = SHUT_WR,
				   [SK_SHUTDOWN__BOTH] = SHUT_RDWR };

	SkShutdown what = s->e->has_shutdown ? s->e->shutdown : SK_SHUTDOWN__NONE;

	/* --tcp-close, or ended */
	if ((tcp_is_connection(s->e) && !s->stream) || inet_was_closed(s->e))
		what = SK_SHUTDOWN__BOTH;
	if (s->stream || what < SK_SHUTDOWN__READ || what > SK_SHUTDOWN__BOTH ||
	    shutdown(fd, how[what]) == 0 || errno == ENOTCONN)
		return 0;
	return inet_failed(t, s, "shutdown", "shut down");
}

int inet_set_reuse(struct restore *r, struct err *err, const struct inet_in *s, int fd)
{
	const SkOptsEntry *o = s->e->opts;
	int addr = o->has_reuseaddr && o->reuseaddr, port = o->has_so_reuseport && o->so_reuseport;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &addr, sizeof(addr)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &port, sizeof(port)) == 0)
		return 0;
	return err_sys(err, "setsockopt", "can't set SO_REUSEADDR and SO_REUSEPORT of %s",
		       inet_object(r, s));
}

/* Connections leave repair mode, and get theirs, when the tree stands; one that no task has a
 * descriptor of does so now. */
static int set_final(struct restore_task *t, const struct inet_in *s, int fd)
{
	if (s->stream && s->user)
		return 0;
	if (s->stream)
		tcp_repair(fd, TCP_REPAIR_END_PROBE);
	return s->stream || inet_shares(s) || inet_was_closed(s->e) || (s->port && s->port->rests)
		       ? inet_set_reuse(t->r, restore_err(t->r), s, fd)
		       : 0;
}

int inet_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	struct inet_in *s = f->priv;
	int want = s->e->flags & STATUS_FLAGS, ret = set_final(t, s, fd);

	if (ret == 0)
		ret = shut_down(t, s, fd);
	if (ret == 0 && want && fcntl(fd, F_SETFL, want) < 0)
		ret = inet_failed(t, s, "fcntl", "set the flags of");
	if (ret == 0 && s->x && s->x->has_peek_off && socket_set_peek_off(fd, s->x->peek_off) < 0)
		ret = inet_failed(t, s, "setsockopt", "set SO_PEEK_OFF of");
	return ret < 0 ? ret : fown_attach(t, f, s->e->fown, s->e->flags, fd);
}
