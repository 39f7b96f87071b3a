/* SPDX-License-Identifier: Apache-2.0 */
/* What of a tree as a whole can't be kept; its parts are judged by their classes. */
#include "engine/dump.h"

/* A session whose leader is outside of the tree can't be made again: its members join another. */
void judge_session(struct dump *d)
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
