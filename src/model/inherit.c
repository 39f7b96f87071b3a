/* SPDX-License-Identifier: Apache-2.0 */
/* --inherit-fd fd[N]:KEY at a restore: who takes what, and what nobody has taken. */
#include <string.h>

#include "model/restore.h"

int restore_inherit_fd(struct restore *r, const char *key)
{
	const struct str_list *given = &r->s->opts->inherit_fd;

	if (!r->inherit_taken)
		r->inherit_taken = arena_array(restore_arena(r), bool, given->n + 1);
	for (size_t i = 0; i < given->n; i++) {
		const char *of = options_inherit_key(given->items[i]);

		if (of && !strcmp(of, key))
			r->inherit_taken[i] = true;
	}
	return options_inherit_fd(r->s->opts, key);
}

void restore_judge_inherited(struct restore *r)
{
	const struct str_list *given = &r->s->opts->inherit_fd;

	for (size_t i = 0; i < given->n; i++) {
		const char *key = options_inherit_key(given->items[i]);

		if (!key || (r->inherit_taken && r->inherit_taken[i]))
			continue;
		report_warn(&r->s->report, 0,
			    arena_printf(restore_arena(r), "--inherit-fd '%s'", given->items[i]),
			    arena_printf(restore_arena(r),
					 "nothing in the images is called %s: it "
					 "has no effect",
					 key),
			    "keys are a file's path without the first slash, file[MNT:INODE], "
			    "pipe:[N], socket:[N], tty[RDEV:DEV], /memfd:NAME");
	}
}
