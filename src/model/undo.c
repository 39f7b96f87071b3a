/* SPDX-License-Identifier: Apache-2.0 */
/* See undo.h. */
#include "model/undo.h"

struct undo_entry {
	undo_fn *fn;
	void *data;
};

size_t undo_push(struct undo *u, undo_fn *fn, void *data)
{
	struct undo_entry entry = { fn, data };

	arena_push(u->arena, u->entries, u->n, entry);
	return u->n - 1;
}

void undo_to(struct undo *u, size_t mark)
{
	while (u->n > mark) {
		struct undo_entry *e = &u->entries[--u->n];

		e->fn(e->data);
	}
}

void undo_drop(struct undo *u, size_t mark)
{
	if (u->n > mark)
		u->n = mark;
}
