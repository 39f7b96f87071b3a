/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check -t: what a dump of a running tree would refuse or warn about. Nothing is stopped, and
 * nothing is changed. The dump's own steps look at one task after the other; a task, thread,
 * descriptor or area that is gone when its turn comes is passed over, one that has come meanwhile
 * is looked at in a further round. A failure that would end a dump becomes a reason against it.
 *
 * What only the process itself can tell, by the agent, is not seen here: landlock domains.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/dump/dump.h"
#include "engine/engine.h"
#include "engine/examine/predict.h"
#include "engine/sentry.h"
#include "kernel/proc/stat.h"
#include "kernel/ptrace.h"
#include "objects/registry.h"
#include "task/frozen_group.h"
#include "task/observe.h"

#define ROUNDS	   4  /* for processes that come while others are looked at */
#define KCMP_TRIES 16 /* before sharing among tasks that come and go is left out */

struct examination {
	struct dump d;
	struct dump_task **tasks; /* all; d.tasks is what a step is to see */
	size_t n_tasks;
	size_t n_seen; /* of d.tree.procs */
};

static void see_one(struct dump *d, struct dump_task **t)
{
	d->tasks = t;
	d->n_tasks = 1;
}

static void see_all(struct examination *x)
{
	x->d.tasks = x->tasks;
	x->d.n_tasks = x->n_tasks;
}

/* What was said of a task that is gone, or will be said again, is taken back. */
static void report_back(struct report *r, size_t mark)
{
	r->n = mark;
	r->refusals = 0;
	for (size_t i = 0; i < r->n; i++)
		r->refusals += r->items[i].refusal;
}

static bool is_gone(const struct proc_stop *p)
{
	struct proc_stat stat;

	return proc_stat(&p->proc, &stat, NULL) < 0 || (stat.state == 'Z' && !p->zombie) ||
	       stat.state == 'X';
}

/* A dump would end here. */
static void refuse_failure(struct dump *d, pid_t pid)
{
	struct arena *a = dump_arena(d);
	struct err *err = d->s->err;
	const char *text = err_is_set(err) ? arena_strdup(a, err->text) : "can't be examined";

	if (err_is_set(err) && err->num && err->call[0])
		text = arena_printf(a, "%s (%s: %s)", text, err->call, strerror(err->num));
	else if (err_is_set(err) && err->num)
		text = arena_printf(a, "%s (%s)", text, strerror(err->num));
	report_refuse(&d->s->report, err->pid ? err->pid : pid, "the task", text,
		      err_is_set(err) ? err_cure(err) : "");
	*err = (struct err){ 0 };
}

static void look_at_tracer(struct dump *d, struct dump_task *t)
{
	struct arena *a = dump_arena(d);

	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].status->tracer_pid)
			task_refuse(t, arena_printf(a, "thread %d", t->threads[i].vtid),
				    arena_printf(a, "is traced already by process %d",
						 t->threads[i].status->tracer_pid),
				    err_remedy(ERR_TASK_TRACED));
}

/* kernel/fork.c: wait_for_vfork_done; such a thread does not stop before its child lets it go. */
static void look_at_vfork(struct dump *d, struct dump_task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		struct proc thread = PROC_INIT;
		char *place = NULL;

		if (proc_open_thread(&thread, &t->stop->proc, t->threads[i].stop->tid, NULL) < 0)
			continue;
		if (proc_wchan(&thread, dump_arena(d), &place, NULL) == 0 &&
		    proc_wchan_vfork(place))
			task_refuse(
				t, arena_printf(dump_arena(d), "thread %d", t->threads[i].vtid),
				"waits in vfork(2) for a child that has neither called exec nor ended",
				"a dump waits for that, as long as --timeout says");
		proc_close(&thread);
	}
}

static void look_at_rights(struct dump *d, struct dump_task *t)
{
	if (!t->zombie && ptrace_may_attach(t->stop->pid) < 0)
		task_refuse(t, "the task",
			    arena_printf(dump_arena(d), "can't be attached to; %s",
					 ptrace_whom_allowed()),
			    err_remedy(ERR_PERMISSION));
}

static void look_at_freezer(struct dump *d, struct dump_task *t)
{
	struct err why = { 0 };

	if (!t->zombie && frozen_group_check(t->stop->pid, &why) < 0)
		task_refuse(t, "the task", arena_strdup(dump_arena(d), why.text),
			    err_remedy(why.id));
}

/* The process becomes a task, if it still is one. */
static void take_in(struct examination *x, struct proc_stop *p)
{
	struct dump *d = &x->d;
	struct proc_stop **procs = d->tree.procs;
	size_t n = d->tree.n_procs, mark = d->s->report.n;
	struct dump_task *t;
	int ret;

	if (p->pid == getpid()) {
		report_refuse(&d->s->report, p->pid, "the task",
			      "is crtools itself: a tree can't be dumped from within",
			      "start crtools outside of that tree");
		return;
	}
	d->tree.procs = &p;
	d->tree.n_procs = 1;
	ret = collect_tasks(d);
	d->tree.procs = procs;
	d->tree.n_procs = n;
	if (dump_vanished(d, ret) || (ret < 0 && is_gone(p))) {
		*d->s->err = (struct err){ 0 };
		report_back(&d->s->report, mark);
		return;
	}
	if (ret < 0) {
		refuse_failure(d, p->pid);
		return;
	}
	t = d->tasks[0];
	for (size_t i = 0; i < x->n_tasks && p->parent; i++)
		if (x->tasks[i]->stop == p->parent)
			t->parent = x->tasks[i];
	for (size_t i = 0; i < t->n_threads; i++)
		t->threads[i].stop->sigmask = t->threads[i].status->sig_blk;
	arena_push(dump_arena(d), x->tasks, x->n_tasks, t);
	look_at_rights(d, t);
	look_at_tracer(d, t);
	look_at_vfork(d, t);
	look_at_freezer(d, t);
}

static void drop_gone(struct examination *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_tasks; i++)
		if (!is_gone(x->tasks[i]->stop))
			x->tasks[n++] = x->tasks[i];
	x->n_tasks = n;
}

/* Who shares what can be told of tasks that are all there. In a tree that is never the same, each
 * is taken for itself. */
static int find_sharing(struct examination *x)
{
	size_t mark = x->d.s->report.n;
	int ret = -ESRCH;

	for (int i = 0; i < KCMP_TRIES; i++) {
		drop_gone(x);
		see_all(x);
		ret = collect_kobjs(&x->d);
		if (!dump_vanished(&x->d, ret))
			return ret;
		report_back(&x->d.s->report, mark);
	}
	for (size_t i = 0; i < x->n_tasks; i++) {
		see_one(&x->d, &x->tasks[i]);
		ret = collect_kobjs(&x->d);
		if (ret < 0 && !dump_vanished(&x->d, ret))
			return ret;
	}
	return 0;
}

/* Memory, descriptors and state of one task. */
static void look_into(struct examination *x, size_t i)
{
	struct dump *d = &x->d;
	struct dump_task *t = x->tasks[i];
	size_t mark = d->s->report.n;
	int ret = t->zombie || t->ids ? 0 : -ESRCH;

	see_one(d, &x->tasks[i]);
	if (ret == 0)
		ret = collect_areas(d);
	if (ret == 0)
		ret = collect_files(d);
	if (ret == 0)
		return;
	if (is_gone(t->stop) || dump_vanished(d, ret)) {
		report_back(&d->s->report, mark);
		*d->s->err = (struct err){ 0 };
	} else {
		refuse_failure(d, t->vpid);
	}
	t->n_vmas = 0;
}

static void ask_classes(struct examination *x)
{
	struct dump *d = &x->d;

	see_all(x);
	for (size_t i = 0; i < d->n_tasks; i++)
		for (size_t c = 0; state_classes[c]; c++) {
			int ret = state_classes[c]->examine ? state_classes[c]->examine(d->tasks[i])
							    : 0;

			if (ret < 0 && !dump_vanished(d, ret) && !is_gone(d->tasks[i]->stop))
				refuse_failure(d, d->tasks[i]->vpid);
		}
	for (size_t i = 0; i < d->n_files; i++)
		if (d->files[i]->class->examine)
			d->files[i]->class->examine(d, d->files[i]);
	*d->s->err = (struct err){ 0 };
}

static int look(struct examination *x)
{
	struct dump *d = &x->d;
	int ret = 0;

	for (int round = 0; ret == 0 && round < ROUNDS && x->n_seen < d->tree.n_procs; round++) {
		while (x->n_seen < d->tree.n_procs)
			take_in(x, d->tree.procs[x->n_seen++]);
		tree_observe_again(&d->tree);
	}
	ret = find_sharing(x);
	if (ret == 0 && !x->n_tasks && d->s->report.refusals)
		return 0; /* for lack of rights, say: nothing can be seen of it */
	if (ret == 0 && !x->n_tasks)
		ret = err_set(dump_err(d), ERR_NO_SUCH_TASK, ESRCH,
			      "process %d has ended meanwhile", d->s->opts->pid);
	for (size_t i = 0; ret == 0 && i < x->n_tasks; i++)
		look_into(x, i);
	if (ret < 0)
		return ret;
	see_all(x);
	ret = collect_flight(d);
	if (ret < 0 && !dump_vanished(d, ret))
		refuse_failure(d, d->s->opts->pid);
	ask_classes(x);
	if (x->tasks[0]->stop->pid == d->s->opts->pid)
		judge_tree(d);
	return 0;
}

int engine_examine(struct session *s)
{
	struct servers used;
	struct examination x = {
		.d = { .s = s, .examining = true, .common = PTHREAD_MUTEX_INITIALIZER }
	};
	uint64_t start = monotonic_ns();
	int ret = tree_observe(&x.d.tree, s->opts->pid, &s->arena, s->err);

	if (ret < 0)
		return ret;
	ret = scout_servers(s, &x.d.tree, &used);
	if (ret == 0 && !s->report.refusals)
		ret = sentry_post(s, &used, false);
	if (ret == 0 && !s->report.refusals) {
		ret = look(&x);
		if (ret == 0)
			predict(&x.d, (monotonic_ns() - start) / 1000);
	}
	collect_files_end(&x.d);
	tree_release(&x.d.tree, TREE_RUN);
	return ret;
}
