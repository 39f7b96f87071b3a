/* SPDX-License-Identifier: Apache-2.0 */
/* Letting go of a tree, or ending it. */
#include <signal.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/team.h"
#include "kernel/pidfd.h"
#include "task/death.h"
#include "task/early.h"
#include "task/hold.h"
#include "task/tree.h"

#define HELP_PAGES 4096 /* of a process with so much memory the tool frees some itself */
#define BURY_WORTH 64	/* dead threads pay for one of ours */

static void proc_let_go(struct tree_stop *tree, struct proc_stop *p, enum tree_end end)
{
	/* A stop signal that is sent while the threads are held takes effect when they go on. */
	if (!p->zombie && !p->stop_signo && (end == TREE_STOP || p->late_stop))
		kill(p->pid, SIGSTOP);
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].frozen)
			thread_let_go(tree, &p->threads[i]);
}

static void proc_kill(struct proc_stop *p)
{
	if (!p->zombie)
		kill(p->pid, SIGKILL);
}

/* What has much memory frees it by one processor as it ends; here another one helps. */
static void proc_help_free(const struct proc_stop *p)
{
	if (p->rss_pages >= HELP_PAGES)
		pidfd_release_memory(p->pidfd);
}

struct burial {
	struct thread_stop **threads;
	unsigned int timeout;
	struct vigil vigils[TEAM_MAX];
};

static int bury(void *data, size_t who, size_t part)
{
	struct burial *b = data;
	struct thread_stop *t = b->threads[part];

	if (!b->vigils[who].begun)
		vigil_begin(&b->vigils[who], b->timeout);
	if (t->frozen)
		t->frozen = vigil_await(&b->vigils[who], t->tid) < 0;
	return 0;
}

/* The images are whole all the same, and the kernel has been told: it is for whoever sees to it
 * that the task gets out of its wait. */
static void tell_undead(const struct tree_stop *tree, const struct proc_stop *p)
{
	for (size_t i = 0; i < p->n_threads; i++) {
		if (!p->threads[i].frozen)
			continue;
		log_warn("Process %d was killed, but has not ended within %u s: its thread %d may "
			 "be in an uninterruptible wait (see /proc/%d/stack) or in a cgroup that "
			 "was frozen meanwhile, and ends with that",
			 p->pid, tree->timeout, p->threads[i].tid, p->threads[i].tid);
		return;
	}
}

/* Our notices as a tracer have to be taken before the parents get theirs. A leader's comes only
 * when those of its other threads have been taken: those go first. */
static void bury_all(struct tree_stop *tree)
{
	struct burial b = { .timeout = tree->timeout };
	size_t n = 0, room = 0;

	for (size_t i = 0; i < tree->n_procs; i++)
		room += tree->procs[i]->n_threads;
	b.threads = arena_array(tree->arena, struct thread_stop *, room);
	for (size_t i = tree->n_procs; i-- > 0;)
		for (size_t k = tree->procs[i]->n_threads; k-- > 0;)
			b.threads[n++] = &tree->procs[i]->threads[k];
	team_run(team_size(n, BURY_WORTH), n, bury, &b);
	for (size_t i = tree->n_procs; i-- > 0;) {
		tell_undead(tree, tree->procs[i]);
		/* A leader that is not held may have been seized before it ended. */
		if (!tree->procs[i]->leader_gone)
			continue;
		if (!b.vigils[0].begun)
			vigil_begin(&b.vigils[0], tree->timeout);
		vigil_await(&b.vigils[0], tree->procs[i]->pid);
	}
	for (size_t i = 0; i < TEAM_MAX; i++)
		vigil_end(&b.vigils[i]);
}

void tree_release(struct tree_stop *tree, enum tree_end end)
{
	/* Those that are not in the tree's list, which a thawed group lets stop. */
	if (tree->n_early && tree->group.dir >= 0 && tree->group.frozen)
		cgroup_thaw(&tree->group, NULL);
	early_abandon(tree);
	/* Frozen again before its tasks go on, so that none gets a moment to run. The killed ones
	 * have to run for their end. */
	if (end != TREE_KILL)
		cgroup_freeze_end(&tree->group);
	if (end == TREE_KILL) {
		for (size_t i = 0; i < tree->n_procs; i++)
			proc_kill(tree->procs[i]);
		for (size_t i = 0; i < tree->n_procs; i++)
			proc_help_free(tree->procs[i]);
		bury_all(tree);
	}
	for (size_t i = 0; i < tree->n_procs; i++) {
		struct proc_stop *p = tree->procs[i];

		if (end != TREE_KILL)
			proc_let_go(tree, p, end);
		proc_close(&p->proc);
		close_fd(&p->mem_fd);
		close_fd(&p->pidfd);
	}
	cgroup_freeze_end(&tree->group);
	hash_free(&tree->by_pid);
	proc_buf_free(&tree->buf);
	tree->n_procs = 0;
}
