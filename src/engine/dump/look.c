/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc shows of each task and thread, and every dump needs. That is most of what a large tree
 * costs to examine, and nothing of one depends on another: it is read by a team, before the steps
 * and classes that judge it, which go on in their order. What a team could not read is read again
 * by who asks for it next, and fails there.
 */
#include "base/team.h"
#include "engine/dump/dump.h"

/* Tasks and threads that pay for the start of a thread of ours. */
#define TASKS_WORTH   4
#define THREADS_WORTH 16

static int read_status(const struct proc *proc, const struct reader *r, struct proc_status **ret)
{
	struct proc_status *status = arena_new(r->arena, struct proc_status);
	int e = proc_status(proc, r->arena, status, r->err);

	if (e == 0)
		*ret = status;
	return e;
}

int look_at_task(struct dump_task *t, const struct reader *r)
{
	struct proc proc = t->stop->proc;
	int ret;

	proc.buf = r->buf;
	ret = proc_stat(&proc, &t->stat, r->err);
	if (ret == 0)
		ret = read_status(&proc, r, &t->status);
	if (ret == 0 && !t->zombie)
		ret = proc_ns(&proc, NS_ALL, &t->ns, r->err);
	t->seen = ret == 0;
	return ret;
}

static int read_thread(struct dump_thread *th, const struct reader *r)
{
	struct proc leader = th->task->stop->proc, proc = PROC_INIT;
	struct proc_stat stat;
	int ret;

	leader.buf = r->buf;
	ret = proc_open_thread(&proc, &leader, th->stop->tid, r->err);
	if (ret == 0)
		ret = read_status(&proc, r, &th->status);
	if (ret == 0)
		ret = proc_stat(&proc, &stat, r->err);
	if (ret == 0)
		th->flags = stat.flags;
	if (ret == 0)
		ret = proc_ns(&proc, THREAD_NS, &th->ns, r->err);
	proc_close(&proc);
	return ret;
}

int look_at_thread(struct dump_thread *th, const struct reader *r)
{
	struct dump_task *t = th->task;
	int ret = 0;

	if (th->stop->tid != t->stop->via) {
		ret = read_thread(th, r);
	} else {
		th->status = t->status;
		th->flags = t->stat.flags;
		th->ns = t->ns;
	}
	th->seen = ret == 0;
	return ret;
}

int look_at_areas(struct dump_task *t, const struct reader *r)
{
	struct proc proc = t->stop->proc;

	proc.buf = r->buf;
	return t->areas.n ? 0 : proc_smaps(&proc, r->arena, &t->areas, r->err);
}

struct looking {
	struct dump *d;
	struct dump_thread **threads; /* without those that stand for their task */
	size_t n_threads;
	struct arena arenas[TEAM_MAX];
	struct proc_buf bufs[TEAM_MAX];
};

static struct reader reader_of(struct looking *l, size_t who)
{
	return (struct reader){ &l->arenas[who], &l->bufs[who], NULL };
}

static int task_part(void *data, size_t who, size_t part)
{
	struct looking *l = data;
	struct dump_task *t = l->d->tasks[part];
	struct reader r = reader_of(l, who);

	if (look_at_task(t, &r) == 0 && !t->zombie)
		look_at_areas(t, &r);
	return 0;
}

static int thread_part(void *data, size_t who, size_t part)
{
	struct looking *l = data;
	struct reader r = reader_of(l, who);

	look_at_thread(l->threads[part], &r);
	return 0;
}

static void list_threads(struct looking *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->d->n_tasks; i++)
		n += l->d->tasks[i]->n_threads;
	l->threads = arena_array(dump_arena(l->d), struct dump_thread *, n);
	for (size_t i = 0; i < l->d->n_tasks; i++) {
		struct dump_task *t = l->d->tasks[i];

		for (size_t k = 0; k < t->n_threads; k++)
			if (t->threads[k].stop->tid != t->stop->via)
				l->threads[l->n_threads++] = &t->threads[k];
	}
}

void look_at_tree(struct dump *d)
{
	struct looking l = { .d = d };
	size_t tasks = team_size(d->n_tasks, TASKS_WORTH), threads;

	if (tasks > 1)
		team_run(tasks, d->n_tasks, task_part, &l);
	list_threads(&l);
	threads = team_size(l.n_threads, THREADS_WORTH);
	if (threads > 1)
		team_run(threads, l.n_threads, thread_part, &l);
	for (size_t i = 0; i < TEAM_MAX; i++) {
		arena_adopt(dump_arena(d), &l.arenas[i]);
		proc_buf_free(&l.bufs[i]);
	}
}
