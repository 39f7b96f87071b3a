/* SPDX-License-Identifier: Apache-2.0 */
/* See observe.h. Whatever vanishes between one look and the next is passed over. */
#include "task/observe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/pidfd.h"
#include "task/root.h"

#define PASSES 8 /* over a tree that never stays the same */

/* What code runs in it can be seen of a stopped thread only; by its program is the best guess. */
static bool runs_32bit(const struct proc *proc)
{
	_cleanup_fd_ int fd = proc_openat(proc, "exe", O_RDONLY, NULL);
	unsigned char ident[EI_NIDENT];

	return fd >= 0 && read(fd, ident, sizeof(ident)) == sizeof(ident) &&
	       !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS32;
}

static void look_at_threads(struct tree_stop *tree, struct proc_stop *p)
{
	struct proc_tids tids = { 0 };
	bool compat = runs_32bit(&p->proc);

	if (proc_threads(&p->proc, tree->arena, &tids, NULL) < 0)
		return;
	for (size_t i = 0; i < tids.n; i++) {
		struct thread_stop t = { .tid = tids.tids[i] };
		struct proc thread = PROC_INIT;
		struct proc_stat stat;

		if (proc_open_thread(&thread, &p->proc, t.tid, NULL) < 0)
			continue;
		if (proc_stat(&thread, &stat, NULL) < 0)
			stat.state = 'X';
		proc_close(&thread);
		if (proc_stat_works_for_kernel(&stat))
			continue;
		if (stat.state == 'Z' || stat.state == 'X') {
			p->leader_gone |= t.tid == p->pid;
			continue;
		}
		if (stat.state == 'T')
			p->stop_signo =
				SIGSTOP; /* or another one: the kernel tells a tracer only */
		regs_set_compat(&t.regs, compat);
		arena_push(tree->arena, p->threads, p->n_threads, t);
	}
	p->room_threads = p->n_threads;
}

static int look_at(struct tree_stop *tree, pid_t pid, struct proc_stop *parent, struct err *err)
{
	struct proc_stop *p = arena_new(tree->arena, struct proc_stop);
	struct proc_stat stat;
	int ret;

	*p = (struct proc_stop){
		.pid = pid,
		.via = pid,
		.parent = parent,
		.proc = PROC_INIT,
		.pidfd = -1,
		.mem_fd = -1,
	};
	ret = proc_open(&p->proc, pid, &tree->buf, err);
	if (ret == 0)
		ret = proc_stat(&p->proc, &stat, err);
	if (ret < 0) {
		proc_close(&p->proc);
		return ret;
	}
	p->start_time = stat.starttime;
	look_at_threads(tree, p);
	p->zombie = !p->n_threads;
	p->leader_gone &= !p->zombie;
	if (p->leader_gone) {
		p->via = p->threads[0].tid;
		proc_close(&p->proc);
		ret = proc_open(&p->proc, p->via, &tree->buf, err);
		if (ret < 0)
			return ret;
		p->pidfd = pidfd_open_thread(p->via, NULL);
	}
	p->mem_fd = p->zombie ? -1 : proc_openat(&p->proc, "mem", O_RDONLY, NULL);
	if (p->pidfd < 0)
		p->pidfd = pidfd_open_pid(pid, NULL);
	p->held = true;
	arena_push(tree->arena, tree->procs, tree->n_procs, p);
	hash_put(&tree->by_pid, pid, p);
	return 0;
}

/* A pid may be that of another process by now. */
static bool is_known(const struct tree_stop *tree, pid_t pid)
{
	const struct proc_stop *known = hash_get(&tree->by_pid, pid);
	struct proc_stat stat;

	return known && proc_stat(&known->proc, &stat, NULL) == 0;
}

static size_t look_at_children(struct tree_stop *tree, struct proc_stop *p)
{
	struct proc_tids tids = { 0 }, children = { 0 };
	size_t n = 0;

	if (proc_threads(&p->proc, tree->arena, &tids, NULL) < 0 ||
	    proc_children(&p->proc, &tids, tree->arena, &children, NULL) < 0)
		return 0;
	for (size_t i = 0; i < children.n; i++)
		if (!is_known(tree, children.tids[i]))
			n += look_at(tree, children.tids[i], p, NULL) == 0;
	return n;
}

size_t tree_observe_again(struct tree_stop *tree)
{
	size_t found, all = 0;
	int pass = 0;

	do {
		found = 0;
		for (size_t i = 0; i < tree->n_procs; i++)
			if (!tree->procs[i]->zombie)
				found += look_at_children(tree, tree->procs[i]);
		all += found;
	} while (found && ++pass < PASSES);
	return all;
}

int tree_observe(struct tree_stop *tree, pid_t root, struct arena *arena, struct err *err)
{
	int ret;

	*tree = (struct tree_stop){ .arena = arena, .group = CGROUP_FREEZE_NONE };
	ret = root_check(root, &tree->buf, err);
	if (ret == 0)
		ret = look_at(tree, root, NULL, err);
	if (ret == 0 && tree->procs[0]->zombie)
		ret = err_set(err, ERR_NO_SUCH_TASK, ESRCH,
			      "process %d has ended already (it is a zombie)", root);
	if (ret < 0) {
		tree_release(tree, TREE_RUN);
		return ret;
	}
	tree_observe_again(tree);
	return 0;
}
