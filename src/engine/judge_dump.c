/* SPDX-License-Identifier: Apache-2.0 */
/* What of a tree as a whole can't be kept; its parts are judged by their classes. */
#include "engine/dump.h"

/* A session whose leader is outside of the tree can't be made again: its members join another. */
static void judge_session(struct dump *d)
{
	const struct dump_task *root = d->tasks[0];

	if ((pid_t)root->pstree->sid == root->vpid || d->s->opts->shell_job)
		return;
	report_refuse(
		&d->s->report, root->vpid,
		arena_printf(dump_arena(d), "session %u", root->pstree->sid),
		"is led by a process outside of the tree",
		"use --shell-job: at the restore the tree joins the caller's session; or start "
		"the program by setsid(1)");
}

/* A tree with mounts of its own is refused by its class. */
static void judge_mounts(struct dump *d)
{
	for (size_t i = 0; i < d->s->opts->skip_mnt.n; i++)
		report_warn(&d->s->report, 0,
			    arena_printf(dump_arena(d), "--skip-mnt %s",
					 d->s->opts->skip_mnt.items[i]),
			    "has no effect: the tree has the mounts that crtools has, and of those "
			    "none is saved",
			    "");
}

void judge_tree(struct dump *d)
{
	judge_session(d);
	judge_mounts(d);
}
