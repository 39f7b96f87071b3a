/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While the group is frozen nobody in it makes a task, so one walk from the root finds the tree,
 * however fast it forks. Each thread is seized, and asked to stop by PTRACE_INTERRUPT; a thread in
 * the v1 refrigerator takes notice when it is thawed, before it comes back to its program
 * (get_signal() in kernel/signal.c leaves the refrigerator first, then looks at the trap).
 *
 * A thread in a group stop is left out: for it PTRACE_SEIZE waits until it has gone over to the
 * tracer's kind of stop (JOBCTL_TRAPPING), which in the v1 refrigerator never happens. It makes no
 * tasks anyway.
 */
#include "task/freeze_group.h"

#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/log.h"
#include "kernel/ptrace.h"
#include "task/early.h"
#include "task/hold.h"
#include "task/undertaker.h"

/* In the refrigerator its state reads D; where it went to sleep does not change. */
static bool in_group_stop(struct tree_stop *tree, const struct proc *leader, pid_t tid)
{
	struct proc thread = PROC_INIT;
	struct proc_stat stat = { 0 };
	char *wchan = NULL;
	bool yes;

	if (proc_open_thread(&thread, leader, tid, NULL) < 0)
		return true; /* it has gone */
	yes = proc_stat(&thread, &stat, NULL) < 0 || stat.state == 'T' ||
	      (proc_wchan(&thread, tree->arena, &wchan, NULL) == 0 &&
	       !strcmp(wchan, "do_signal_stop"));
	proc_close(&thread);
	return yes;
}

static void seize_process(struct tree_stop *tree, pid_t pid, struct proc_tids *queue)
{
	struct proc_tids tids = { 0 }, children = { 0 };
	struct proc_stop none = { .n_threads = 0 };
	struct proc proc = PROC_INIT;

	if (proc_open(&proc, pid, &tree->buf, NULL) < 0)
		return;
	if (proc_threads(&proc, tree->arena, &tids, NULL) == 0 &&
	    proc_children(&proc, &tids, tree->arena, &children, NULL) == 0)
		for (size_t i = 0; i < children.n; i++)
			arena_push(tree->arena, queue->tids, queue->n, children.tids[i]);
	/* One whose exec does not end is told of by the freeze, which comes to it later. */
	undertaker_watch(&none, true, freeze_ends(tree));
	for (size_t i = 0; i < tids.n; i++) {
		pid_t tid = tids.tids[i];

		if (in_group_stop(tree, &proc, tid) || thread_is_kernels(&proc, tid) ||
		    undertaker_seize(tid, SEIZE_OPTIONS))
			continue;
		ptrace_interrupt(tid, NULL);
		early_note(tree, tid);
	}
	undertaker_rest();
	proc_close(&proc);
}

int group_seize(struct tree_stop *tree, pid_t root, const char *path, struct err *err)
{
	struct proc_tids queue = { 0 };
	int ret = cgroup_freeze(&tree->group, path, tree->timeout, tree->journal, err);

	if (ret < 0)
		return ret;
	arena_push(tree->arena, queue.tids, queue.n, root);
	for (size_t i = 0; i < queue.n; i++)
		seize_process(tree, queue.tids[i], &queue);
	ret = fault_at("freeze-group", err);
	if (ret < 0)
		return ret;
	log_debug("seized %zu threads of %zu processes in the frozen cgroup %s", tree->n_early,
		  queue.n, path);
	return cgroup_thaw(&tree->group, err);
}
