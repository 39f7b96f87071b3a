/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo stack: every effect outside of the tool's own process is pushed as it happens, with the
 * function that takes it back. Entries are taken back in reverse order.
 */
#ifndef MODEL_UNDO_H
#define MODEL_UNDO_H

#include <stddef.h>

#include "base/arena.h"

struct undo {
	struct arena *arena;
	struct undo_entry *entries;
	size_t n;
};

typedef void undo_fn(void *data);

/* Returns a mark: undo_to(mark) takes this entry and all later ones back, undo_drop forgets them. */
size_t undo_push(struct undo *u, undo_fn *fn, void *data);
void undo_to(struct undo *u, size_t mark);
void undo_drop(struct undo *u, size_t mark);
static inline void undo_all(struct undo *u)
{
	undo_to(u, 0);
}

#endif
