/* SPDX-License-Identifier: Apache-2.0 */
/* See extras.h. */
#include "image/reader.h"
#include "image/writer.h"
#include "objects/extras.h"
#include "objects/registry.h"

struct extras {
	CrtoolsFileEntry **entries;
	size_t n;
	struct hash own; /* restore: file id -> entry */
};

CrtoolsFileEntry *extras_add(struct dump *d)
{
	struct extras *x = d->priv[SLOT_EXTRAS];
	CrtoolsFileEntry *e = arena_msg(dump_arena(d), CrtoolsFileEntry, crtools_file_entry);

	if (!x)
		x = d->priv[SLOT_EXTRAS] = arena_new(dump_arena(d), struct extras);
	arena_push(dump_arena(d), x->entries, x->n, e);
	return e;
}

int extras_write(struct dump *d)
{
	struct extras *x = d->priv[SLOT_EXTRAS];

	return x ? image_write_all(d->s->images, IMAGE_CRTOOLS_FILES, 0, (void **)x->entries, x->n,
				   dump_err(d))
		 : 0;
}

int extras_read(struct restore *r, CrtoolsFileEntry ***ret_entries, size_t *ret_n)
{
	struct extras *x = r->priv[SLOT_EXTRAS];
	int ret = 0;

	if (!x) {
		x = r->priv[SLOT_EXTRAS] = arena_new(restore_arena(r), struct extras);
		if (image_dir_has(r->s->images, IMAGE_CRTOOLS_FILES, 0))
			ret = image_read_all(r->s->images, IMAGE_CRTOOLS_FILES, 0, restore_arena(r),
					     restore_err(r), &x->entries, &x->n);
	}
	*ret_entries = x->entries;
	*ret_n = x->n;
	return ret;
}

static bool own_id(const CrtoolsFileEntry *e, uint32_t *ret_id)
{
	if (e->vsock)
		*ret_id = e->vsock->id;
	else if (e->mqueue)
		*ret_id = e->mqueue->id;
	else if (e->tun)
		*ret_id = e->tun->id;
	else if (e->bpf_map)
		*ret_id = e->bpf_map->id;
	else if (e->secret)
		*ret_id = e->secret->id;
	else
		return false;
	return true;
}

CrtoolsFileEntry *extras_own(struct restore *r, uint32_t id)
{
	CrtoolsFileEntry **entries;
	struct extras *x;
	uint32_t own;
	size_t n;

	if (extras_read(r, &entries, &n) < 0)
		return NULL;
	x = r->priv[SLOT_EXTRAS];
	if (n && !x->own.slots) {
		session_own_hash(r->s, &x->own);
		for (size_t i = 0; i < n; i++)
			if (own_id(entries[i], &own))
				hash_put(&x->own, own, entries[i]);
	}
	return hash_get(&x->own, id);
}
