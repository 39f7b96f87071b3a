/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets (unix(7)): the class, and what a dump learns of each.
 *
 * Kept: type, name and its file, who is connected to whom, connections that wait to be accepted,
 * queues with bounds, senders, credentials and descriptors in flight, what was shut down,
 * credentials of the peer, options, flags. Where the kernel does not tell by a descriptor,
 * sock_diag(7) does.
 *
 * The states of the kernel (net/unix/af_unix.c) that the code relies on:
 *   - A stream or seqpacket socket has a peer for ever; one that is connected and shows no peer's
 *     inode waits to be accepted, or its peer has ended (then it is shut down both ways).
 *   - The accepted end has the listener's address; connect(2) gives it the caller's credentials,
 * and the connecting end those with which listen(2) was called. socketpair(2) gives both the
 * caller's.
 *   - A datagram socket's peer need not know of it; one that others send to is "connected", too.
 *
 * Refused: a stream peer outside of the tree, unless it is declared (--external unix[INODE]) and
 * another socket is given at the restore (--inherit-fd socket:[INODE]).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/writer.h"
#include "kernel/netlink.h"
#include "objects/socket/unix/unix.h"

#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool unix_match(const struct file_probe *p)
{
	return socket_is(p, AF_UNIX);
}

static void dump_drop(void *data)
{
	struct unix_dump *x = data;

	for (size_t i = 0; i < x->n; i++)
		unix_queue_free(x->all[i]);
	close_fd(&x->netlink);
	unix_queue_end(x);
	hash_free(&x->listing);
	hash_free(&x->by_ino);
	hash_free(&x->waits);
	hash_free(&x->files);
}

static int unix_dump_of(struct dump *d, struct unix_dump **ret)
{
	struct unix_dump *x = d->priv[SLOT_UNIX];

	*ret = x;
	if (x)
		return 0;
	*ret = x = d->priv[SLOT_UNIX] = arena_new(dump_arena(d), struct unix_dump);
	undo_push(&d->s->owned, dump_drop, x);
	x->netlink = nl_open(NETLINK_SOCK_DIAG, dump_err(d));
	if (x->netlink < 0)
		return x->netlink;
	return unix_diag_all(x->netlink, dump_arena(d), &x->listing, NULL, dump_err(d));
}

/* One that was made after the listing, or that the listing has passed over. */
static int find_listed(struct dump *d, struct unix_dump *x, uint32_t ino,
		       const struct unix_diag_info **ret)
{
	int err;

	*ret = hash_get(&x->listing, ino);
	if (*ret)
		return 0;
	err = unix_diag_one(x->netlink, ino, dump_arena(d), &x->listing, dump_err(d));
	if (err == -ENOENT) {
		*d->s->err = (struct err){ 0 };
		return 0;
	}
	*ret = err < 0 ? NULL : hash_get(&x->listing, ino);
	return err;
}

CrtoolsCredentials *unix_credentials(struct dump *d, const struct ucred *creds)
{
	CrtoolsCredentials *c = arena_msg(dump_arena(d), CrtoolsCredentials, crtools_credentials);

	c->has_pid = c->has_uid = c->has_gid = true;
	c->pid = dump_vpid(d, creds->pid);
	if (!c->pid)
		c->pid = creds->pid;
	c->uid = creds->uid;
	c->gid = creds->gid;
	return c;
}

/* What the kernel tells of one by its descriptor. */
struct answers {
	struct socket_answers options;
	int peek_off;
	struct ucred peer; /* pid 0: it has none */
	uint32_t *group;
	size_t n_group;
};

static void ask_credentials(int fd, const struct reader *r, struct answers *a)
{
	uint32_t groups[256];
	socklen_t len = sizeof(a->peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &a->peer, &len) < 0 || a->peer.pid <= 0) {
		a->peer.pid = 0;
		return;
	}
	len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0 && len) {
		a->n_group = len / sizeof(*groups);
		a->group = arena_memdup(r->arena, groups, len);
	}
}

static int unix_ask(const struct file_probe *p, const struct reader *r, void **ret)
{
	struct answers *a = arena_new(r->brief, struct answers);

	*ret = a;
	a->peek_off = socket_int(probe_local(p), SOL_SOCKET, SO_PEEK_OFF, -1);
	ask_credentials(probe_local(p), r, a);
	return socket_options_ask(
		p, r, socket_int(probe_local(p), SOL_SOCKET, SO_TYPE, SOCK_STREAM), 0, &a->options);
}

static void note_credentials(struct dump *d, struct unix_out *u, const struct answers *a)
{
	CrtoolsCredentials *c;

	if (!a->peer.pid)
		return;
	c = unix_credentials(d, &a->peer);
	c->n_group = a->n_group;
	c->group = a->group;
	socket_extra(d, u->file)->peer = c;
}

/* A peer that has closed has its address still; a datagram socket has nothing else of it. */
static void note_gone_peer(struct dump *d, struct unix_out *u, int fd)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr), head = offsetof(struct sockaddr_un, sun_path);
	CrtoolsSocket *extra;

	if (u->diag->peer || u->e->state == UNIX_LISTEN ||
	    (unix_connects(u->e) && u->e->shutdown != SK_SHUTDOWN__BOTH) ||
	    getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return;
	if (u->e->type == SOCK_DGRAM)
		socket_extra(d, u->file)->has_peer_gone = socket_extra(d, u->file)->peer_gone =
			true;
	if (len <= head)
		return;
	extra = socket_extra(d, u->file);
	extra->has_peer_name = true;
	extra->peer_name.len = len - head;
	extra->peer_name.data = arena_memdup(dump_arena(d), addr.sun_path, len - head);
}

static void collect_extras(struct dump *d, struct unix_out *u, const struct file_probe *p)
{
	const struct answers *a = p->answers;
	struct pollfd error = { .fd = probe_local(p) };

	note_credentials(d, u, a);
	u->peek_off = a->peek_off;
	if (a->peek_off >= 0) {
		socket_extra(d, u->file)->has_peek_off = true;
		socket_extra(d, u->file)->peek_off = a->peek_off;
	}
	note_gone_peer(d, u, probe_local(p));
	/* Reading the error would clear it; there is only one that it can be. */
	if (unix_connects(u->e) && u->e->state == UNIX_ESTABLISHED && !u->diag->peer &&
	    u->e->shutdown == SK_SHUTDOWN__BOTH && poll(&error, 1, 0) > 0 &&
	    error.revents & POLLERR) {
		u->reset = true;
		socket_extra(d, u->file)->has_peer_reset = socket_extra(d, u->file)->peer_reset =
			true;
	}
}

static void fill_entry(struct unix_out *u, const struct file_probe *p)
{
	UnixSkEntry *e = u->e;
	const struct unix_diag_info *diag = u->diag;

	e->id = u->file->entry->id;
	e->ino = diag->ino;
	e->type = diag->type;
	e->state = diag->state;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->backlog = diag->wqueue;
	e->peer = diag->peer;
	e->has_shutdown = diag->shutdown;
	e->shutdown = (SkShutdown)diag->shutdown;
	e->has_ns_id = p->task->ids && p->task->ids->has_net_ns_id;
	e->ns_id = e->has_ns_id ? p->task->ids->net_ns_id : 0;
}

static void note_waiting(struct dump *d, struct unix_dump *x, struct unix_out *u, int fd)
{
	CrtoolsSocket *extra;
	bool gone = false;

	if (u->e->state != UNIX_LISTEN || !u->diag->n_icons)
		return;
	extra = socket_extra(d, u->file);
	for (size_t i = 0; i < u->diag->n_icons; i++) {
		arena_push(dump_arena(d), extra->waiting, extra->n_waiting, u->diag->icons[i]);
		if (u->diag->icons[i])
			hash_put(&x->waits, u->diag->icons[i], u);
		gone |= !u->diag->icons[i];
	}
	if (gone)
		unix_early_look_gone(x, u, fd);
}

static int unix_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	struct unix_out *u = arena_new(dump_arena(d), struct unix_out);
	const struct answers *a = p->answers;
	struct unix_dump *x;
	int ret = unix_dump_of(d, &x);

	if (ret == 0)
		ret = find_listed(d, x, p->stat.st_ino, &u->diag);
	if (ret < 0)
		return ret;
	if (!u->diag) {
		task_refuse(p->task, probe_object(p),
			    "is a unix socket of another network namespace than the tool's", "");
		return 0;
	}
	*u = (struct unix_out){
		.file = f, .task = p->task, .fd = p->fd, .diag = u->diag, .walk_fd = -1
	};
	u->last = &u->packets;
	snprintf(u->object, sizeof(u->object), "unix socket %u (descriptor %d)", u->diag->ino,
		 p->fd);
	u->e = arena_msg(dump_arena(d), UnixSkEntry, unix_sk_entry);
	f->priv = u;
	f->entry->usk = u->e;
	arena_push(dump_arena(d), x->all, x->n, u);
	hash_put(&x->by_ino, u->diag->ino, u);
	fill_entry(u, p);
	note_waiting(d, x, u, probe_local(p));
	ret = unix_name_collect(x, u, p);
	if (ret < 0)
		return ret;
	u->e->opts = socket_options_take(d, f, p, &a->options);
	ret = fown_collect(d, p, &u->e->fown);
	if (ret == 0)
		collect_extras(d, u, p);
	if (ret == 0)
		unix_early_look(x, u, probe_local(p));
	return ret < 0 || u->e->state == UNIX_LISTEN ? ret : unix_queue_look(x, u, probe_local(p));
}

static bool is_declared(struct dump *d, uint32_t ino)
{
	char key[32];

	snprintf(key, sizeof(key), "unix[%u]", ino);
	return ino && options_external(d->s->opts, key);
}

/* The entry that CRIU makes for a peer outside, whatever it is. If it has a name, the restored
 * socket can connect to that. */
static void add_external(struct dump *d, struct unix_dump *x, const struct unix_out *of,
			 uint32_t peer_ino, const struct unix_diag_info *peer)
{
	struct dump_file *f;
	struct unix_out *u;

	if (hash_get(&x->by_ino, peer_ino))
		return;
	f = arena_new(dump_arena(d), struct dump_file);
	u = arena_new(dump_arena(d), struct unix_out);
	*u = (struct unix_out){ .file = f, .task = of->task, .fd = -1, .diag = peer };
	u->walk_fd = -1;
	u->last = &u->packets;
	u->e = arena_msg(dump_arena(d), UnixSkEntry, unix_sk_entry);
	f->class = of->file->class;
	f->priv = u;
	f->entry = arena_msg(dump_arena(d), FileEntry, file_entry);
	f->entry->id = ++d->next_file_id;
	f->entry->type = FD_TYPES__UNIXSK;
	f->entry->usk = u->e;
	u->e->id = f->entry->id;
	u->e->ino = peer_ino;
	u->e->type = SOCK_DGRAM;
	u->e->state = UNIX_LISTEN;
	u->e->uflags = UNIX_EXTERN;
	u->e->fown = of->e->fown;
	u->e->opts = of->e->opts;
	if (peer)
		u->e->name = (ProtobufCBinaryData){ peer->name_len, (uint8_t *)peer->name };
	arena_push(dump_arena(d), d->files, d->n_files, f);
	hash_put(&x->by_ino, peer_ino, u);
}

/* The peer is none of the tree's sockets. */
static int judge_outside(struct dump *d, struct unix_dump *x, struct unix_out *u)
{
	const struct unix_diag_info *peer;
	struct arena *a = dump_arena(d);
	const char *text;
	bool named;
	int ret;

	ret = find_listed(d, x, u->e->peer, &peer);
	if (ret < 0)
		return ret;
	named = u->e->type == SOCK_DGRAM && peer && peer->name_len;
	if (is_declared(d, u->e->ino) || is_declared(d, u->e->peer) ||
	    (named && d->s->opts->ext_unix_sk)) {
		add_external(d, x, u, u->e->peer, peer);
		return 0;
	}
	if (named) {
		task_refuse(u->task, u->object,
			    arena_printf(a,
					 "sends to the unix socket %u (%s), which is outside of "
					 "the tree",
					 u->e->peer, unix_name_text(a, peer->name, peer->name_len)),
			    "with --ext-unix-sk it connects to that name again at the restore");
		return 0;
	}
	text = arena_printf(a, "is connected to the unix socket %u, which is outside of the tree",
			    u->e->peer);
	task_refuse(
		u->task, u->object, text,
		arena_printf(a,
			     "declare it with --external unix[%u] and give another in its place "
			     "at the restore, with --inherit-fd fd[N]:socket:[%u]",
			     u->e->ino, u->e->ino));
	return 0;
}

/* Connected, and no peer's inode: its connection waits to be accepted. */
static int judge_waiting(struct dump *d, struct unix_dump *x, struct unix_out *u)
{
	const struct unix_out *listener = hash_get(&x->waits, u->e->ino);
	struct arena *a = dump_arena(d);

	if (!listener) {
		task_refuse(u->task, u->object,
			    "waits for a server outside of the tree to accept its connection",
			    "try again when that has accepted it");
		return 0;
	}
	u->e->peer = listener->e->ino;
	/* The other end, which can't be asked, knows who connected: most likely who has the socket.
	 */
	socket_extra(d, u->file)->maker =
		unix_credentials(d, &(struct ucred){ u->task->stop->pid, u->task->status->uid[1],
						     u->task->status->gid[1] });
	if (u->early_refused)
		task_refuse(
			u->task, u->object,
			arena_printf(a,
				     "has sent to the unix socket %u, which has not accepted the "
				     "connection yet: %s",
				     listener->e->ino, u->early_refused),
			"try again when the connection was accepted");
	if (u->n_early && !u->early_refused) {
		socket_extra(d, u->file)->early = u->early;
		socket_extra(d, u->file)->n_early = u->n_early;
	}
	return 0;
}

static int judge_peer(struct dump *d, struct unix_dump *x, struct unix_out *u)
{
	if (u->e->peer)
		return hash_get(&x->by_ino, u->e->peer) ? 0 : judge_outside(d, x, u);
	if (unix_connects(u->e) && u->e->state == UNIX_ESTABLISHED &&
	    u->e->shutdown != SK_SHUTDOWN__BOTH)
		return judge_waiting(d, x, u);
	return 0;
}

/* Of a listener: clients that wait and are not the tree's, or are gone. */
static void judge_clients(struct dump *d, struct unix_dump *x, struct unix_out *u)
{
	for (size_t i = 0; i < u->diag->n_icons; i++) {
		if (u->diag->icons[i] ? !!hash_get(&x->by_ino, u->diag->icons[i])
				      : !u->early_refused)
			continue;
		task_refuse(
			u->task, u->object,
			u->diag->icons[i]
				? arena_printf(dump_arena(d),
					       "has not accepted yet the connection of the unix "
					       "socket %u, which is outside of the tree",
					       u->diag->icons[i])
				: arena_printf(dump_arena(d),
					       "has not accepted yet a connection whose client "
					       "has closed it: %s",
					       u->early_refused),
			"try again when it has accepted it");
	}
}

/* All descriptors are known: those in flight, and the peers. */
static int unix_collect_flight(struct dump *d, struct dump_file *f)
{
	struct unix_dump *x = d->priv[SLOT_UNIX];
	struct unix_out *u = f->priv;
	int ret = 0;

	if (!u || u->e->uflags & UNIX_EXTERN)
		return 0;
	if (x->walks)
		ret = unix_queue_walk(d, x);
	for (struct unix_packet *k = u->packets; ret == 0 && k; k = k->next) {
		for (size_t i = 0; ret == 0 && i < k->n_fds; i++) {
			ret = dump_file_in_flight(u->task, k->fds[i], &k->rights[i]);
			k->fds[i] = -1;
		}
		k->scm.rights = k->rights;
		k->scm.n_rights = k->n_fds;
	}
	return ret;
}

/* Address and credentials of a message, where its bytes and the sockets' relations do not tell. */
static void note_packet(struct dump *d, struct unix_dump *x, struct unix_out *u, uint32_t index,
			const struct unix_packet *k)
{
	const struct unix_out *peer = u->e->peer ? hash_get(&x->by_ino, u->e->peer) : NULL;
	size_t len = k->sender_len ? k->sender_len - offsetof(struct sockaddr_un, sun_path) : 0;
	bool known = !len || unix_is_stream(u->e) ||
		     (peer && peer->e->name.len == len &&
		      !memcmp(peer->e->name.data, k->sender.sun_path, len));
	CrtoolsSocket *extra;
	CrtoolsPacket *p;

	if (known && k->creds.pid <= 0)
		return;
	p = arena_msg(dump_arena(d), CrtoolsPacket, crtools_packet);
	p->has_index = true;
	p->index = index;
	if (!known) {
		p->has_sender = true;
		p->sender.len = len;
		p->sender.data = arena_memdup(dump_arena(d), k->sender.sun_path, len);
	}
	if (k->creds.pid > 0)
		p->credentials = unix_credentials(d, &k->creds);
	extra = socket_extra(d, u->file);
	arena_push(dump_arena(d), extra->packet, extra->n_packet, p);
}

static int unix_relate(struct dump *d, struct dump_file *f)
{
	struct unix_dump *x = d->priv[SLOT_UNIX];
	struct unix_out *u = f->priv;
	uint32_t index = 0;
	int ret;

	if (!u || u->e->uflags & UNIX_EXTERN)
		return 0;
	ret = judge_peer(d, x, u);
	if (ret < 0)
		return ret;
	judge_clients(d, x, u);
	if (u->truncated)
		task_refuse(u->task, u->object,
			    "has more descriptors in flight than crtools may have open",
			    "raise the limit (ulimit -n)");
	if (u->has_urgent) {
		CrtoolsSocket *extra = socket_extra(d, f);

		extra->has_urgent = extra->has_urgent_at = true;
		extra->urgent = u->urgent;
		extra->urgent_at = u->urgent_at;
	}
	for (const struct unix_packet *k = u->packets; k; k = k->next)
		note_packet(d, x, u, index++, k);
	return 0;
}

static int write_packets(struct dump *d, struct unix_out *u, struct image_writer *w)
{
	int ret = 0;

	for (struct unix_packet *k = u->packets; ret == 0 && k; k = k->next) {
		k->e.id_for = u->e->id;
		ret = image_write_msg(w, &k->e.base, dump_err(d));
		if (ret == 0)
			ret = image_write_raw(w, k->data, k->e.length, dump_err(d));
	}
	return ret;
}

static int unix_write(struct dump *d, struct dump_file *f)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	struct unix_dump *x = d->priv[SLOT_UNIX];
	int ret;

	(void)f;
	if (x->written)
		return 0;
	x->written = true;
	ret = image_writer_open(d->s->images, IMAGE_SK_QUEUES, 0, dump_err(d), &w);
	for (size_t i = 0; ret == 0 && i < x->n; i++)
		ret = write_packets(d, x->all[i], w);
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int unix_check(struct restore *r, struct restore_file *f)
{
	struct unix_restore *x;
	int ret = unix_in_load(r, &x);

	return ret < 0 ? ret : unix_in_check(r, f->priv);
}

static int unix_prepare(struct restore *r, struct restore_file *f)
{
	struct unix_restore *x = unix_restore_of(r);
	struct unix_in *u = f->priv;
	int ret = 0;

	if (!x->prepared) {
		x->prepared = true;
		unix_in_gather(r, x);
		ret = unix_packets_prepare(r, x);
		if (ret == 0)
			ret = unix_bind_prepare(r, x);
	}
	if (ret == 0 && u->inherit) {
		u->inherited = options_inherit_fd(r->s->opts, u->object);
		u->inherited = service_fd(r, fcntl(u->inherited, F_DUPFD_CLOEXEC, 0));
		ret = u->inherited < 0 ? u->inherited : 0;
	}
	return ret;
}

static int unix_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct unix_in *u = f->priv;
	int ret = 0;

	if (u->inherit) {
		*ret_fd = fcntl(u->inherited, F_DUPFD_CLOEXEC, 0);
		return *ret_fd < 0 ? err_sys(restore_err(t->r), "fcntl",
					     "can't use what --inherit-fd gives for %s", u->object)
				   : 0;
	}
	if (u->fd < 0)
		ret = unix_make(t, u);
	if (ret == 0)
		*ret_fd = TAKE_FD(u->fd);
	return ret;
}

static int set_flags(struct restore_task *t, const struct unix_in *u, int fd)
{
	int want = u->e->flags & STATUS_FLAGS;

	if (want && fcntl(fd, F_SETFL, want) < 0)
		return err_sys(restore_err(t->r), "fcntl", "can't set the flags of %s to 0%o",
			       u->object, want);
	return 0;
}

/* What the other end's shutdown, or its end, has not done yet. */
static int shut_down(struct restore_task *t, const struct unix_in *u, int fd)
{
	static const int how[] = { [SK_SHUTDOWN__READ] = SHUT_RD,
				   [SK_SHUTDOWN__WRITE] = SHUT_WR,
				   [SK_SHUTDOWN__BOTH] = SHUT_RDWR };

	if (!u->e->shutdown || (u->spare >= 0 && unix_connects(u->e)))
		return 0;
	if (shutdown(fd, how[u->e->shutdown]) < 0)
		return err_sys(restore_err(t->r), "shutdown", "can't shut down %s", u->object);
	return 0;
}

static int end_peer(struct restore_task *t, struct unix_in *u, int fd)
{
	/* A peer that leaves something unread resets the connection. */
	if (u->spare >= 0 && u->x && u->x->peer_reset &&
	    send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return err_sys(restore_err(t->r), "send", "can't reset the connection of %s",
			       u->object);
	close_fd(&u->spare);
	return 0;
}

/* The two ends of a socketpair whose messages carry nothing. */
static size_t unix_follows(const struct restore_file *f)
{
	const struct unix_in *u = f->priv;
	const struct unix_cluster *c = u->inherit ? NULL : u->cluster;
	size_t n = 0;

	if (!c || c->n != 2 || c->members[0] != u || !u->mate || !unix_connects(u->e))
		return 0;
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->members[i]->n_packets; k++, n++)
			if (c->members[i]->packets[k].n_rights || c->members[i]->packets[k].x)
				return 0;
	return n;
}

static int unix_follow(struct restore_task *t, struct restore_file *f)
{
	const struct unix_in *u = f->priv;

	if (!restore_await_open(t, u->mate->file))
		return 0;
	u->cluster->filled = true;
	return unix_packets_fill(t, u->cluster);
}

static int unix_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	struct unix_in *u = f->priv;
	int ret = 0;

	if (!u->inherit && !u->cluster->filled) {
		u->cluster->filled = true;
		ret = unix_packets_fill(t, u->cluster);
		if (ret == 0)
			ret = unix_connect_dgrams(t, u->cluster);
	}
	if (ret == 0 && !u->inherit) {
		ret = socket_options_late(t, f, u->e->opts, AF_UNIX, fd);
		if (ret == 0)
			ret = shut_down(t, u, fd);
		if (ret == 0)
			ret = end_peer(t, u, fd);
		if (ret == 0 && u->x && u->x->has_peek_off &&
		    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &u->x->peek_off, sizeof(int)) < 0)
			ret = err_sys(restore_err(t->r), "setsockopt",
				      "can't set SO_PEEK_OFF of %s", u->object);
	}
	if (ret == 0)
		ret = set_flags(t, u, fd);
	return ret < 0 ? ret : fown_attach(t, f, u->e->fown, u->e->flags, fd);
}

const struct file_class unix_class = {
	.name = "unix socket",
	.type = FD_TYPES__UNIXSK,
	.match = unix_match,
	.ask = unix_ask,
	.collect = unix_collect,
	.collect_flight = unix_collect_flight,
	.relate = unix_relate,
	.write = unix_write,
	.check = unix_check,
	.prepare = unix_prepare,
	.open = unix_open,
	.follows = unix_follows,
	.follow = unix_follow,
	.attach = unix_attach,
};
