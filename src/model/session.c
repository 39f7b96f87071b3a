/* SPDX-License-Identifier: Apache-2.0 */
/* See session.h. */
#include "model/session.h"

void session_init(struct session *s, const struct options *opts, struct err *err, int images_fd)
{
	*s = (struct session){ .opts = opts, .err = err, .images_fd = images_fd, .pidfile_fd = -1 };
	s->report.arena = &s->arena;
	s->undo.arena = s->owned.arena = &s->arena;
	journal_begin(&s->journal);
}

void session_end(struct session *s)
{
	undo_all(&s->undo);
	if (s->images)
		image_dir_abort(s->images);
	journal_end(&s->journal);
	if (s->last)
		return;
	undo_all(&s->owned);
	image_dir_close(s->images);
	arena_free(&s->arena);
}

static void free_hash(void *h)
{
	hash_free(h);
}

void session_own_hash(struct session *s, struct hash *h)
{
	undo_push(&s->owned, free_hash, h);
}
