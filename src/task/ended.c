/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that were killed after they had been held, by others of the tree that were not held
 * yet: a stop does not keep SIGKILL off. They are zombies by then, or gone; and their children may
 * have left the tree, for a subreaper above it.
 */
#include "task/ended.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/proc/task.h"
#include "kernel/tracer.h"
#include "task/death.h"
#include "task/hold.h"

/* One of the threads tells of all: whoever kills one, kills the group. */
static bool was_killed(const struct proc_stop *p)
{
	unsigned long message;

	return p->n_threads &&
	       tracer_ptrace(PTRACE_GETEVENTMSG, p->threads[0].tid, 0, (uintptr_t)&message) < 0 &&
	       errno == ESRCH;
}

/* The first thread's end is told after that of the others. */
static int await_end(const struct tree_stop *tree, struct proc_stop *p, struct err *err)
{
	struct vigil vigil;
	bool ended = true;

	vigil_begin(&vigil, tree->timeout);
	for (size_t i = p->n_threads; ended && i-- > 0;) {
		ended = vigil_await(&vigil, p->threads[i].tid) >= 0;
		p->threads[i].frozen = !ended;
		p->threads[i].gone = ended;
	}
	vigil_end(&vigil);
	if (!ended)
		return err_set(
			err, ERR_TIMEOUT, ETIMEDOUT,
			"process %d was killed while its tree was being frozen, but does not "
			"end (it may be in an uninterruptible wait: see /proc/%d/stack)",
			p->pid, p->pid);
	p->n_threads = 0;
	p->leader_gone = false;
	close_fd(&p->mem_fd);
	return 0;
}

static void leave_tree(struct tree_stop *tree, struct proc_stop *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].frozen)
			thread_let_go(tree, &p->threads[i]);
	proc_close(&p->proc);
	close_fd(&p->mem_fd);
	close_fd(&p->pidfd);
	p->held = false;
	for (size_t i = 0; i < tree->n_procs; i++)
		if (tree->procs[i] != p)
			tree->procs[n++] = tree->procs[i];
	tree->n_procs = n;
}

static bool is_held(const struct tree_stop *tree, pid_t pid)
{
	const struct proc_stop *p = hash_get(&tree->by_pid, pid);

	return p && p->held && !p->zombie;
}

/* false: it is not in the tree any more. */
static bool stays(const struct tree_stop *tree, const struct proc_stop *p)
{
	struct proc_stat stat;

	return proc_stat(&p->proc, &stat, NULL) == 0 && is_held(tree, stat.ppid);
}

/* From above to below: those whose parent has left leave, too. */
static void drop_strays(struct tree_stop *tree)
{
	for (size_t i = 1; i < tree->n_procs;) {
		struct proc_stop *p = tree->procs[i];

		/* A parent that ignores SIGCHLD has no zombies. */
		if ((p->parent->held && !p->parent->zombie && !p->zombie) || stays(tree, p)) {
			i++;
			continue;
		}
		leave_tree(tree, p);
		i = 1;
	}
}

int tree_drop_ended(struct tree_stop *tree, size_t *ret_ended, struct err *err)
{
	*ret_ended = 0;
	for (size_t i = 0; i < tree->n_procs; i++) {
		struct proc_stop *p = tree->procs[i];

		if (!was_killed(p))
			continue;
		if (await_end(tree, p, err) < 0)
			return -ETIMEDOUT;
		p->zombie = true;
		p->via = p->pid;
		++*ret_ended;
		if (i == 0)
			return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
				       "process %d was killed while its tree was being frozen",
				       p->pid);
	}
	if (*ret_ended)
		drop_strays(tree);
	return 0;
}
