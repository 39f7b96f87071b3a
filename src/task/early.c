/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See early.h. A thread is in the list once, and its value in the table says whether it waits to be
 * adopted: one that has been let go of is the same to the freeze as one that was never seized.
 */
#include "task/early.h"

#include "kernel/ptrace.h"

static char waits, adopted;

void early_note(struct tree_stop *tree, pid_t tid)
{
	if (!hash_get(&tree->early, tid))
		arena_push(tree->arena, tree->early_tids, tree->n_early, tid);
	hash_put(&tree->early, tid, &waits);
}

bool early_adopt(struct tree_stop *tree, pid_t tid)
{
	if (!tree->n_early || hash_get(&tree->early, tid) != &waits)
		return false;
	hash_put(&tree->early, tid, &adopted);
	return true;
}

void early_abandon(struct tree_stop *tree)
{
	const struct tree_stop wait = { .timeout = 1 };

	for (size_t i = 0; i < tree->n_early; i++) {
		struct ptrace_report report;
		pid_t tid = tree->early_tids[i];

		if (!early_adopt(tree, tid))
			continue;
		if (tree_wait(&wait, tid, &report, NULL) < 0)
			early_note(tree, tid);
		else if (report.kind != PTRACE_STOP_GONE)
			ptrace_detach(tid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0,
				      NULL);
	}
}

void early_take_over(struct tree_stop *tree, const struct tree_stop *from)
{
	tree->early = from->early;
	tree->early_tids = from->early_tids;
	tree->n_early = from->n_early;
}

void early_free(struct tree_stop *tree)
{
	hash_free(&tree->early);
	tree->n_early = 0;
}
