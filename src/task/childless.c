/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See childless.h. Who is held makes no child. A child of its child's, by CLONE_PARENT, comes to who
 * had one before; and those of a process that dies meanwhile come to the first living thread of a
 * subreaper (kernel/exit.c, find_new_reaper), which is the leader, whose file is read in any case.
 */
#include "task/childless.h"

#include "base/log.h"
#include "kernel/kmem_tasks.h"

#define WORTH 32 /* threads of one process */

static bool is_worth_it(const struct tree_stop *tree)
{
	for (size_t i = 0; i < tree->n_procs; i++)
		if (tree->procs[i]->n_threads >= WORTH)
			return true;
	return false;
}

static int note(void *data, const struct kmem_task *t)
{
	struct tree_stop *tree = data;

	if (!t->has_children)
		hash_put(&tree->childless, t->tid, tree);
	return 0;
}

void childless_find(struct tree_stop *tree)
{
	childless_forget(tree);
	if (!tree->kernel || !is_worth_it(tree) || kmem_view_open(tree->kernel) < 0)
		return;
	kmem_tracees(&tree->kernel->memory, tree->kernel->types, note, tree);
	log_debug("%zu threads have no children, the kernel's memory tells", tree->childless.used);
}

bool is_childless(const struct tree_stop *tree, pid_t tid)
{
	return tree->childless.used && hash_get(&tree->childless, tid);
}

void childless_forget(struct tree_stop *tree)
{
	hash_free(&tree->childless);
}
