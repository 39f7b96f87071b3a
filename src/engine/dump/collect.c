/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frozen tree to the model: one struct dump_task a process with its entries allocated, one
 * struct dump_thread a thread. Ids in entries are those of the innermost pid namespace.
 */
#include <errno.h>
#include <string.h>

#include "engine/dump/dump.h"
#include "kernel/ptrace.h"

static pid_t innermost(const struct proc_nsids *ids, pid_t fallback)
{
	return ids->n ? ids->id[ids->n - 1] : fallback;
}

static int collect_thread(struct dump_thread *th)
{
	struct reader r = dump_reader(th->task->dump);
	struct arena *a = dump_arena(th->task->dump);
	int ret = th->seen ? 0 : look_at_thread(th, &r);

	if (ret < 0)
		return ret;
	th->vtid = innermost(&th->status->ns_pid, th->stop->tid);
	th->core = arena_msg(a, CoreEntry, core_entry);
	th->core->thread_core = arena_msg(a, ThreadCoreEntry, thread_core_entry);
	th->extra = arena_msg(a, CrtoolsThreadEntry, crtools_thread_entry);
	th->extra->has_tid = true;
	th->extra->tid = th->vtid;
	return 0;
}

static int collect_threads(struct dump_task *t)
{
	struct arena *a = dump_arena(t->dump);
	size_t n = 0;
	int ret;

	t->pstree->n_threads = t->n_threads;
	t->pstree->threads = arena_array(a, uint32_t, t->n_threads);
	t->extra->n_threads = t->n_threads;
	t->extra->threads = arena_array(a, CrtoolsThreadEntry *, t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++) {
		ret = collect_thread(&t->threads[i]);
		if (dump_vanished(t->dump, ret))
			continue;
		if (ret < 0)
			return ret;
		t->threads[n] = t->threads[i];
		t->pstree->threads[n] = t->threads[n].vtid;
		t->extra->threads[n] = t->threads[n].extra;
		n++;
	}
	if (!n)
		return -ESRCH;
	t->n_threads = t->pstree->n_threads = t->extra->n_threads = n;
	t->core = t->threads[0].core;
	t->core->tc = arena_msg(a, TaskCoreEntry, task_core_entry);
	return 0;
}

static void collect_zombie(struct dump_task *t)
{
	struct arena *a = dump_arena(t->dump);

	t->core = arena_msg(a, CoreEntry, core_entry);
	t->core->tc = arena_msg(a, TaskCoreEntry, task_core_entry);
	t->pstree->n_threads = 1;
	t->pstree->threads = arena_array(a, uint32_t, 1);
	t->pstree->threads[0] = t->vpid;
}

/* stat and status show ids of our namespace; NSpgid and NSsid those of the task's own. */
static void fill_pstree(struct dump_task *t)
{
	t->pstree->pid = t->vpid;
	t->pstree->ppid = t->parent ? t->parent->vpid : 0;
	t->pstree->pgid = innermost(&t->status->ns_pgid, t->stat.pgrp);
	t->pstree->sid = innermost(&t->status->ns_sid, t->stat.session);
}

/* What of a process only its leader shows, also when it has ended: its id, and what its parent
 * gets. */
static int look_at_leader(struct dump_task *t)
{
	struct proc proc = PROC_INIT;
	struct proc_status status = { 0 };
	struct err *err = dump_err(t->dump);
	int ret = proc_open(&proc, t->stop->pid, &t->dump->tree.buf, err);

	if (ret == 0)
		ret = proc_stat(&proc, &t->leader, err);
	if (ret == 0)
		ret = proc_status(&proc, dump_arena(t->dump), &status, err);
	proc_close(&proc);
	if (ret < 0)
		return ret;
	t->vpid = innermost(&status.ns_pid, t->stop->pid);
	t->stat.exit_signal = t->leader.exit_signal;
	t->leader_mask = status.sig_blk;
	return 0;
}

static struct dump_task *make_task(struct dump *d, struct proc_stop *stop)
{
	struct dump_task *t = arena_new(dump_arena(d), struct dump_task);

	*t = (struct dump_task){ .dump = d, .stop = stop, .zombie = stop->zombie };
	if (t->zombie)
		return t;
	t->n_threads = stop->n_threads;
	t->threads = arena_array(dump_arena(d), struct dump_thread, t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++) {
		t->threads[i].task = t;
		t->threads[i].stop = &stop->threads[i];
	}
	return t;
}

static int collect_task(struct dump_task *t)
{
	struct reader r = dump_reader(t->dump);
	struct arena *a = dump_arena(t->dump);
	int ret = t->seen ? 0 : look_at_task(t, &r);

	if (ret < 0)
		return ret;
	t->vpid = innermost(&t->status->ns_pid, t->stop->pid);
	if (t->stop->leader_gone)
		ret = look_at_leader(t);
	if (ret < 0)
		return ret;
	t->pstree = arena_msg(a, PstreeEntry, pstree_entry);
	t->extra = arena_msg(a, CrtoolsTaskEntry, crtools_task_entry);
	t->extra->has_pid = true;
	t->extra->pid = t->vpid;
	if (t->zombie)
		collect_zombie(t);
	else
		ret = collect_threads(t);
	return ret;
}

int collect_tasks(struct dump *d)
{
	struct hash by_pid = { 0 };
	int ret = 0;

	d->n_tasks = d->tree.n_procs;
	d->tasks = arena_array(dump_arena(d), struct dump_task *, d->n_tasks);
	for (size_t i = 0; i < d->n_tasks; i++)
		d->tasks[i] = make_task(d, d->tree.procs[i]);
	if (!d->examining)
		look_at_tree(d);
	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++) {
		struct proc_stop *stop = d->tree.procs[i];

		hash_put(&by_pid, stop->pid, d->tasks[i]);
		ret = err_add_pid(dump_err(d), stop->pid, collect_task(d->tasks[i]));
		if (stop->parent)
			d->tasks[i]->parent = hash_get(&by_pid, stop->parent->pid);
		if (ret == 0)
			fill_pstree(d->tasks[i]);
	}
	hash_free(&by_pid);
	return ret;
}

pid_t dump_vpid(const struct dump *d, pid_t pid)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		if (t->stop->pid == pid)
			return t->vpid;
		for (size_t k = 0; k < t->n_threads; k++)
			if (t->threads[k].stop->tid == pid)
				return t->threads[k].vtid;
	}
	return 0;
}
