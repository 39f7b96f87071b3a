/* SPDX-License-Identifier: Apache-2.0 */
/* What sockets have in crtools-files.img: one entry each, whoever has something to put there. */
#include "objects/socket/socket.h"

CrtoolsSocket *socket_extra(struct dump *d, const struct dump_file *f)
{
	struct hash *by_id = d->priv[SLOT_SOCKEXTRAS];
	CrtoolsSocket *x;

	if (!by_id)
		by_id = d->priv[SLOT_SOCKEXTRAS] = arena_new(dump_arena(d), struct hash);
	x = hash_get(by_id, f->entry->id);
	if (x)
		return x;
	x = arena_msg(dump_arena(d), CrtoolsSocket, crtools_socket);
	x->has_id = true;
	x->id = f->entry->id;
	extras_add(d)->socket = x;
	hash_put(by_id, x->id, x);
	return x;
}

int socket_extra_of(struct restore *r, const struct restore_file *f, const CrtoolsSocket **ret)
{
	struct hash *by_id = r->priv[SLOT_SOCKEXTRAS];
	CrtoolsFileEntry **extra;
	size_t n;
	int err;

	*ret = by_id ? hash_get(by_id, f->id) : NULL;
	if (by_id)
		return 0;
	err = extras_read(r, &extra, &n);
	if (err < 0)
		return err;
	by_id = r->priv[SLOT_SOCKEXTRAS] = arena_new(restore_arena(r), struct hash);
	session_own_hash(r->s, by_id);
	for (size_t i = 0; i < n; i++)
		if (extra[i]->socket)
			hash_put(by_id, extra[i]->socket->id, extra[i]->socket);
	*ret = hash_get(by_id, f->id);
	return 0;
}
