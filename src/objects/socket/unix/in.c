/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets of the images: who is connected to whom, checked before anything is forked. Sockets
 * that have to do with each other (ends of a connection, a listener and who waits there, datagram
 * sockets and where they send, descriptors in flight and the queue) are a group with one owner, so
 * that one task makes all of them.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/unix/unix.h"

#define BACKLOG_MAX INT32_MAX

static void drop(void *data)
{
	struct unix_restore *x = data;

	hash_free(&x->by_ino);
	hash_free(&x->clusters);
	hash_free(&x->names_used);
	close_fd(&x->queues);
}

struct unix_restore *unix_restore_of(struct restore *r)
{
	return r->priv[SLOT_UNIX];
}

static int corrupt(struct restore *r, const struct restore_file *f, const char *what)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "files.img: unix socket %u %s",
		       f->id, what);
}

static bool is_type(uint32_t type)
{
	return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET;
}

static int check_entry(struct restore *r, const struct restore_file *f)
{
	const UnixSkEntry *e = f->entry->usk;
	const ProtobufCBinaryData *name = &e->name;

	if (!e || e->id != f->id || !e->fown || !e->opts)
		return corrupt(r, f, "lacks a part");
	if (!is_type(e->type) ||
	    (e->state != UNIX_ESTABLISHED && e->state != UNIX_CLOSE && e->state != UNIX_LISTEN))
		return corrupt(r, f, "has a type or state that no socket has");
	if (name->len > UNIX_NAME_MAX + 1 ||
	    (unix_has_path(e) && strnlen((char *)name->data, name->len) + 1 < name->len))
		return corrupt(r, f, "has a name that no socket can have");
	if (unix_has_path(e) && name->data[0] != '/' && (!e->name_dir || e->name_dir[0] != '/'))
		return corrupt(r, f, "has a relative name without its folder");
	if (e->has_shutdown && (e->shutdown < SK_SHUTDOWN__NONE || e->shutdown > SK_SHUTDOWN__BOTH))
		return corrupt(r, f, "has been shut down in a way that there is not");
	if (e->backlog > BACKLOG_MAX)
		return corrupt(r, f, "has a backlog that is too large");
	return 0;
}

static int load_one(struct restore *r, struct unix_restore *x, struct restore_file *f)
{
	struct unix_in *u = arena_new(restore_arena(r), struct unix_in);
	int ret = f->entry->usk ? check_entry(r, f) : corrupt(r, f, "has no entry");

	if (ret < 0)
		return ret;
	*u = (struct unix_in){ .file = f, .e = f->entry->usk, .inherited = -1 };
	u->fd = u->spare = u->path_fd = -1;
	u->object = arena_numbered(restore_arena(r), "socket:[", u->e->ino, "]");
	u->inherit = restore_inherit_fd(r, u->object) >= 0;
	f->priv = u;
	if (hash_get(&x->by_ino, u->e->ino))
		return corrupt(r, f, "has the inode of another");
	hash_put(&x->by_ino, u->e->ino, u);
	u->index = x->n;
	arena_push(restore_arena(r), x->all, x->n, u);
	return socket_extra_of(r, f, &u->x);
}

static bool is_external(const struct unix_in *u)
{
	return u->e->uflags & UNIX_EXTERN;
}

static void refuse_peer(struct restore *r, const struct unix_in *u, const char *why)
{
	struct arena *a = restore_arena(r);

	report_refuse(
		&r->s->report, 0, u->object,
		arena_printf(a, "its peer, socket:[%u], %s", u->e->peer, why),
		arena_printf(a,
			     "give another socket in its place with --inherit-fd fd[N]:%s, or, "
			     "if the peer is a datagram socket with a name, add --ext-unix-sk",
			     u->object));
}

/* A stream's peer outside has gone on without it. */
static int relate_external(struct restore *r, struct unix_in *u, struct unix_in *peer)
{
	if (u->inherit)
		return 0;
	if (u->e->type == SOCK_DGRAM && peer->e->name.len && r->s->opts->ext_unix_sk)
		u->peer = peer;
	else
		refuse_peer(r, u, "was outside of the tree");
	return 0;
}

static int relate(struct restore *r, struct unix_restore *x, struct unix_in *u)
{
	struct unix_in *peer;

	if (!u->e->peer || is_external(u) || u->e->uflags & UNIX_SERVICE)
		return 0;
	peer = hash_get(&x->by_ino, u->e->peer);
	if (peer && is_external(peer))
		return relate_external(r, u, peer);
	if (!peer) {
		if (!u->inherit)
			refuse_peer(r, u, "is not in the images");
		return 0;
	}
	if (peer->e->type != u->e->type)
		return corrupt(r, u->file, "is connected to one of another type");
	if (unix_connects(u->e) && peer->e->state == UNIX_LISTEN)
		u->listener = peer;
	else if (unix_connects(u->e) && peer->e->peer != u->e->ino)
		return corrupt(r, u->file, "is connected to one that is connected to another");
	else
		u->peer = peer;
	restore_group(r, u->file, peer->file);
	return 0;
}

/* Whose ends are from one socketpair(2)? Datagram sockets with names can connect to each other, but
 * only those from a socketpair know credentials of a peer. */
static int find_mate(struct restore *r, struct unix_in *u)
{
	struct unix_in *p = u->peer;

	if (!p || is_external(p) || u->mate || unix_is_accepted(u) || unix_is_accepted(p))
		return 0;
	if (unix_connects(u->e)) {
		u->mate = p;
	} else if (p->peer == u) {
		if (!u->e->name.len || !p->e->name.len || (u->x && u->x->peer))
			u->mate = p;
	} else if (!p->e->name.len) {
		/* It was in a pair once, and has been connected to another since. */
		if (p->mate)
			return corrupt(r, u->file, "is connected to one without a name");
		u->mate = p;
	}
	if (u->mate)
		u->mate->mate = u;
	return 0;
}

static uint64_t key_of_name(uint32_t type, const ProtobufCBinaryData *name)
{
	uint64_t key = type;

	for (size_t k = 0; k < name->len; k++)
		key = hash_mix(key, name->data[k]);
	return key;
}

/* What waits in a queue is sent by who has sent it, or by one that takes his name for a moment. */
static void group_with_senders(struct restore *r, struct unix_in *u, const struct hash *by_name)
{
	for (size_t i = 0; u->x && i < u->x->n_packet; i++) {
		const CrtoolsPacket *k = u->x->packet[i];
		struct unix_in *sender =
			k->has_sender ? hash_get(by_name, key_of_name(u->e->type, &k->sender))
				      : NULL;

		if (sender)
			restore_group(r, sender->file, u->file);
	}
}

/* Abstract names are taken one after the other, in one task. */
static void group_by_name(struct restore *r, struct unix_restore *x)
{
	struct hash by_name = { 0 };

	for (size_t i = 0; i < x->n; i++) {
		struct unix_in *u = x->all[i], *first;
		uint64_t key = key_of_name(u->e->type, &u->e->name);

		if (!u->e->name.len || unix_has_path(u->e) || is_external(u))
			continue;
		first = hash_get(&by_name, key);
		if (first)
			restore_group(r, first->file, u->file);
		else
			hash_put(&by_name, key, u);
	}
	for (size_t i = 0; i < x->n; i++)
		group_with_senders(r, x->all[i], &by_name);
	hash_free(&by_name);
}

static int load(struct restore *r, struct unix_restore *x)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->n_files; i++)
		if (r->files[i]->entry->type == FD_TYPES__UNIXSK)
			ret = load_one(r, x, r->files[i]);
	for (size_t i = 0; ret == 0 && i < x->n; i++)
		ret = relate(r, x, x->all[i]);
	for (size_t i = 0; ret == 0 && i < x->n; i++)
		ret = find_mate(r, x->all[i]);
	group_by_name(r, x);
	return ret < 0 ? ret : unix_packets_load(r, x);
}

int unix_in_load(struct restore *r, struct unix_restore **ret)
{
	struct unix_restore *x = r->priv[SLOT_UNIX];

	*ret = x;
	if (x)
		return 0;
	*ret = x = r->priv[SLOT_UNIX] = arena_new(restore_arena(r), struct unix_restore);
	x->queues = x->sandbox = -1;
	undo_push(&r->s->owned, drop, x);
	return load(r, x);
}

/* Both ends may have names; then the connecting end was made first. */
bool unix_is_accepted(const struct unix_in *u)
{
	if (!unix_connects(u->e) || u->e->state != UNIX_ESTABLISHED || !u->e->name.len ||
	    u->listener || is_external((struct unix_in *)u))
		return false;
	if (!u->peer)
		return true;
	return !u->peer->e->name.len || u->e->ino > u->peer->e->ino;
}

int unix_in_check(struct restore *r, struct unix_in *u)
{
	int ret;

	if (is_external(u))
		return 0;
	fown_check(r, u->file, u->e->fown, u->object);
	if (u->x && u->x->has_peer_name &&
	    (!u->x->peer_name.len || u->x->peer_name.len > UNIX_NAME_MAX + 1))
		return corrupt(r, u->file, "had a peer with a name that no socket can have");
	ret = socket_options_check(r, u->file, u->e->opts);
	if (ret == 0)
		ret = unix_early_check(r, u);
	if (ret == 0 && !u->inherit)
		ret = unix_bind_check(r, u);
	if (ret == 0 && u->x && u->x->peer)
		unix_creds_check(r, u, u->x->peer);
	if (ret == 0 && u->x && u->x->maker && u->listener)
		unix_creds_check(r, u, u->x->maker);
	return ret;
}

void unix_in_gather(struct restore *r, struct unix_restore *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct unix_in *u = x->all[i];
		uint64_t key = restore_group_of(u->file)->index + 1;
		struct unix_cluster *c = hash_get(&x->clusters, key);

		if (!c) {
			c = arena_new(restore_arena(r), struct unix_cluster);
			hash_put(&x->clusters, key, c);
		}
		u->cluster = c;
		if (!is_external(u) && !u->inherit)
			arena_push(restore_arena(r), c->members, c->n, u);
	}
}
