/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the sockets of a cluster, all in one task, in this order:
 *
 *   1. connections that were accepted: by a listener of their name that nobody can reach, so that
 *      no stranger comes in between; it is gone again before a socket of the tree takes the name
 *   2. pairs, and sockets that are nobody's peer
 *   3. names
 *   4. listening
 *   5. connections that wait, in their order, also those whose client has closed
 *   (queues are filled)
 *   6. connections of datagram sockets: one that is connected takes messages from its peer only
 *
 * A peer that is gone is made, too, and closed when what it has sent is in the queue.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/unix/unix.h"

static const CrtoolsCredentials *creds_of(const struct unix_in *u)
{
	return u && u->x ? u->x->peer : NULL;
}

int unix_fd(const struct unix_in *u)
{
	return u->fd >= 0 ? u->fd : u->file->open ? u->file->stage_fd : u->inherited;
}

/* --- calls, as somebody ------------------------------------------------------------------------- */

struct pair_call {
	int type, fds[2];
};

static int call_pair(void *arg)
{
	struct pair_call *c = arg;

	return socketpair(AF_UNIX, c->type, 0, c->fds) < 0 ? -errno : 0;
}

struct listen_call {
	int fd, backlog;
};

static int call_listen(void *arg)
{
	struct listen_call *c = arg;

	return listen(c->fd, c->backlog) < 0 ? -errno : 0;
}

struct connect_call {
	int fd;
	const struct sockaddr_un *addr;
	socklen_t len;
};

static int call_connect(void *arg)
{
	struct connect_call *c = arg;

	return connect(c->fd, (const struct sockaddr *)c->addr, c->len) < 0 ? -errno : 0;
}

/* --- 1. accepted connections ---------------------------------------------------------------------
 */

/* The listener that takes the place of the one that accepted them. */
struct stand_in {
	int fd, file;
	struct sockaddr_un addr;
	socklen_t len;
};

static int stand_in_open(struct restore_task *t, const struct unix_in *u,
			 const ProtobufCBinaryData *name, struct stand_in *s)
{
	UnixSkEntry named = *u->e;
	struct unix_in as = *u;
	int ret, by_fd = -1;

	named.name = *name;
	as.e = &named;

	*s = (struct stand_in){ .file = -1 };
	s->fd = socket(AF_UNIX, u->e->type | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	ret = unix_bind_hidden(t, name->data, name->len, NULL, s->fd, &s->file);
	as.path_fd = s->file;
	return ret < 0 ? ret : unix_reach(&as, s->fd, &s->addr, &s->len, &by_fd);
}

static void stand_in_close(struct stand_in *s)
{
	close_fd(&s->fd);
	close_fd(&s->file);
}

/* Directions that only this end was shut down in: so it was before it connected. */
static int shut_down_early(const struct unix_in *u)
{
	uint32_t mirrored = u->peer->e->shutdown, own;

	mirrored = (mirrored & SK_SHUTDOWN__READ ? SK_SHUTDOWN__WRITE : 0) |
		   (mirrored & SK_SHUTDOWN__WRITE ? SK_SHUTDOWN__READ : 0);
	own = u->e->shutdown & ~mirrored;
	if (!own)
		return 0;
	return shutdown(u->fd, own == SK_SHUTDOWN__READ	   ? SHUT_RD
			       : own == SK_SHUTDOWN__WRITE ? SHUT_WR
							   : SHUT_RDWR) < 0
		       ? -errno
		       : 0;
}

/* A peer that is gone may have had a name. An abstract one could be in another's way until the peer
 * is closed again. */
static int name_gone_peer(struct restore_task *t, const struct unix_in *u, int fd)
{
	_cleanup_fd_ int file = -1;

	if (!u->x || !u->x->has_peer_name || !u->x->peer_name.data[0])
		return 0;
	return unix_bind_hidden(t, u->x->peer_name.data, u->x->peer_name.len, NULL, fd, &file);
}

/* One that has connected to a listener, whose end was closed. */
static int make_left(struct restore_task *t, struct unix_in *u)
{
	_cleanup_(stand_in_close) struct stand_in s = { .fd = -1, .file = -1 };
	int ret = stand_in_open(t, u, &u->x->peer_name, &s);
	struct listen_call l = { s.fd, 1 };
	struct connect_call c = { .addr = &s.addr, .len = s.len };

	c.fd = u->fd = socket(AF_UNIX, u->e->type | SOCK_CLOEXEC, 0);
	if (ret == 0)
		ret = u->fd < 0 ? -errno : unix_call_as(t, creds_of(u), call_listen, &l, sizeof(l));
	if (ret == 0)
		ret = call_connect(&c);
	if (ret == 0) {
		u->spare = service_fd(t->r, accept4(s.fd, NULL, NULL, SOCK_CLOEXEC));
		ret = u->spare < 0 ? u->spare : 0;
	}
	return ret;
}

/* What the listener's caller is to the connecting end, and the connecting end's to the other. */
static int make_accepted(struct restore_task *t, struct unix_in *u)
{
	_cleanup_(stand_in_close) struct stand_in s = { .fd = -1, .file = -1 };
	int client = socket(AF_UNIX, u->e->type | SOCK_CLOEXEC, 0);
	int ret = client < 0 ? -errno : stand_in_open(t, u, &u->e->name, &s);
	struct listen_call l = { s.fd, 1 };
	struct connect_call c = { client, &s.addr, s.len };

	if (u->peer)
		u->peer->fd = client;
	if (ret == 0 && u->peer)
		ret = shut_down_early(u->peer);
	if (ret == 0)
		ret = unix_call_as(t, creds_of(u->peer), call_listen, &l, sizeof(l));
	if (ret == 0)
		ret = unix_call_as(t, creds_of(u), call_connect, &c, sizeof(c));
	if (ret == 0) {
		u->fd = accept4(s.fd, NULL, NULL, SOCK_CLOEXEC);
		ret = u->fd < 0 ? -errno : 0;
	}
	if (u->peer || client < 0)
		return ret;
	if (ret == 0)
		ret = name_gone_peer(t, u, client);
	u->spare = service_fd(t->r, client);
	return ret == 0 && u->spare < 0 ? u->spare : ret;
}

/* --- 2. pairs and single sockets -----------------------------------------------------------------
 */

/* A datagram socket is connected to a peer that is gone only if our own image says so, or it has
 * got messages that only a peer can have sent. */
static bool lost_its_peer(const struct unix_in *u)
{
	if (!unix_connects(u->e))
		return (u->x && u->x->peer_gone) || (u->n_packets && !u->peer && !u->e->name.len);
	return u->e->state == UNIX_ESTABLISHED && !u->e->peer;
}

/* One call makes both: with close-on-exec, unless neither is to have it. */
static int cloexec_of_pair(const struct restore_task *t, struct unix_in *u)
{
	int flag = restore_cloexec(t, u->file, SOCK_CLOEXEC);

	if (!u->mate || restore_cloexec(t, u->mate->file, SOCK_CLOEXEC))
		flag = SOCK_CLOEXEC;
	if (u->mate)
		u->mate->file->plain = !flag;
	u->file->plain = !flag;
	return flag;
}

static int make_pair(struct restore_task *t, struct unix_in *u)
{
	struct pair_call c = { .type = u->e->type | cloexec_of_pair(t, u) };
	int ret = unix_call_as(t, creds_of(u), call_pair, &c, sizeof(c));

	if (ret < 0)
		return ret;
	u->fd = c.fds[0];
	if (u->mate) {
		u->mate->fd = c.fds[1];
		return 0;
	}
	ret = name_gone_peer(t, u, c.fds[1]);
	u->spare = service_fd(t->r, c.fds[1]);
	return u->spare < 0 ? u->spare : ret;
}

static int make_one(struct restore_task *t, struct unix_in *u)
{
	if (u->fd >= 0)
		return 0;
	if (unix_connects(u->e) && lost_its_peer(u) && u->x && u->x->has_peer_name)
		return make_left(t, u);
	if (u->mate || lost_its_peer(u) || u->e->uflags & UNIX_SERVICE)
		return make_pair(t, u);
	u->fd = socket(AF_UNIX, u->e->type | SOCK_CLOEXEC, 0);
	return u->fd < 0 ? -errno : 0;
}

/* --- 4. and 5. listening ------------------------------------------------------------------------ */

static int make_listening(struct restore_task *t, struct unix_in *u)
{
	/* What waits has to fit, whatever the backlog is then. */
	struct listen_call c = { u->fd, (int)u->e->backlog };

	if (u->e->state != UNIX_LISTEN)
		return 0;
	return unix_call_as(t, creds_of(u), call_listen, &c, sizeof(c));
}

static int connect_waiting(struct restore_task *t, struct unix_in *u)
{
	struct sockaddr_un addr;
	socklen_t len;
	int by_fd, ret = unix_reach(u->listener, u->listener->fd, &addr, &len, &by_fd);
	struct connect_call c = { u->fd, &addr, len };

	if (ret == 0)
		ret = unix_call_as(t, u->x ? u->x->maker : NULL, call_connect, &c, sizeof(c));
	close_fd(&by_fd);
	return ret;
}

/* One that has closed since: it is made only to connect, to send, and to close again. */
static int connect_gone(struct restore_task *t, const struct unix_in *listener,
			const CrtoolsGoneClient *g)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, listener->e->type | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int file = -1;
	struct sockaddr_un addr;
	socklen_t len = 0;
	int by_fd = -1, ret = fd < 0 ? -errno : 0;
	struct connect_call c = { fd, &addr, 0 };

	if (ret == 0 && g->name.len && g->name.data[0])
		ret = unix_bind_hidden(t, g->name.data, g->name.len, NULL, fd, &file);
	if (ret == 0)
		ret = unix_reach(listener, listener->fd, &addr, &len, &by_fd);
	c.len = len;
	if (ret == 0)
		ret = unix_call_as(t, g->maker, call_connect, &c, sizeof(c));
	close_fd(&by_fd);
	return ret < 0 ? ret : unix_packets_send_early(t, fd, g->early, g->n_early);
}

/* --- 6. datagrams ------------------------------------------------------------------------------- */

int unix_connect_to(const struct unix_in *u, int u_fd, int fd)
{
	struct sockaddr_un addr;
	socklen_t len;
	int by_fd, ret = unix_reach(u, u_fd, &addr, &len, &by_fd);
	struct connect_call c = { fd, &addr, len };

	if (ret == 0)
		ret = call_connect(&c);
	close_fd(&by_fd);
	return ret;
}

static int failed(struct restore_task *t, const struct unix_in *u, const char *what, int ret)
{
	if (ret == 0)
		return 0;
	errno = -ret;
	return err_sys(restore_err(t->r), what, "can't %s %s%s%s", what, u->object,
		       u->e->name.len ? ", " : "",
		       u->e->name.len ? unix_name_text(restore_arena(t->r), u->e->name.data,
						       u->e->name.len)
				      : "");
}

int unix_connect_dgrams(struct restore_task *t, struct unix_cluster *c)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < c->n; i++) {
		struct unix_in *u = c->members[i];

		if (unix_connects(u->e) || !u->peer || u->mate == u->peer)
			continue;
		ret = failed(t, u, "connect",
			     unix_connect_to(u->peer,
					     u->peer->e->uflags & UNIX_EXTERN ? -1
									      : unix_fd(u->peer),
					     unix_fd(u)));
	}
	return ret;
}

/* --- all -----------------------------------------------------------------------------------------
 */

static int make_accepted_ones(struct restore_task *t, struct unix_cluster *c)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < c->n; i++)
		if (unix_is_accepted(c->members[i]) && c->members[i]->fd < 0)
			ret = failed(t, c->members[i], "accept", make_accepted(t, c->members[i]));
	return ret;
}

static int connect_in_order(struct restore_task *t, struct unix_in *listener)
{
	struct unix_restore *x = unix_restore_of(t->r);
	size_t gone = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && listener->x && i < listener->x->n_waiting; i++) {
		uint32_t ino = listener->x->waiting[i];
		struct unix_in *u = hash_get(&x->by_ino, ino);

		if (!ino && gone < listener->x->n_gone)
			ret = failed(t, listener, "connect a client that has closed to",
				     connect_gone(t, listener, listener->x->gone[gone++]));
		if (u && u->listener == listener && !u->connected) {
			u->connected = true;
			ret = failed(t, u, "connect", connect_waiting(t, u));
		}
	}
	return ret;
}

static int connect_waiting_ones(struct restore_task *t, struct unix_cluster *c)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < c->n; i++)
		ret = connect_in_order(t, c->members[i]);
	for (size_t i = 0; ret == 0 && i < c->n; i++) {
		struct unix_in *u = c->members[i];

		if (u->listener && !u->connected) /* CRIU's images tell no order */
			ret = failed(t, u, "connect", connect_waiting(t, u));
		u->connected = true;
	}
	return ret;
}

int unix_make(struct restore_task *t, struct unix_in *of)
{
	struct unix_cluster *c = of->cluster;
	int ret;

	if (c->made)
		return err_set(restore_err(t->r), ERR_INTERNAL, EINVAL, "%s was not made",
			       of->object);
	c->made = true;
	ret = make_accepted_ones(t, c);
	for (size_t i = 0; ret == 0 && i < c->n; i++)
		ret = failed(t, c->members[i], "make", make_one(t, c->members[i]));
	for (size_t i = 0; ret == 0 && i < c->n; i++)
		ret = socket_options_early(t, c->members[i]->file, c->members[i]->e->opts, AF_UNIX,
					   c->members[i]->fd);
	for (size_t i = 0; ret == 0 && i < c->n; i++)
		ret = unix_bind(t, c->members[i]);
	for (size_t i = 0; ret == 0 && i < c->n; i++)
		ret = failed(t, c->members[i], "listen", make_listening(t, c->members[i]));
	return ret < 0 ? ret : connect_waiting_ones(t, c);
}
