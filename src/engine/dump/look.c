/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc shows of each task and thread, and every dump needs. That is most of what a large tree
 * costs to examine, and nothing of one depends on another: it is read by a team, before the steps
 * and classes that judge it, which go on in their order. What a team could not read is read again
 * by who asks for it next, and fails there.
 */
#include <string.h>

#include "base/log.h"
#include "base/team.h"
#include "engine/dump/dump.h"
#include "kernel/kmem_tasks.h"
#include "objects/inside.h"

/* Tasks and threads that pay for the start of a thread of ours, and for a look at the kernel's
 * memory. */
#define TASKS_WORTH   4
#define THREADS_WORTH 16
#define ALIKE_WORTH   32

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

/* A thread that has all in common with the one that stands for its task but what its kmem_task
 * tells. */
static void take_alike(struct dump_thread *th, const struct reader *r)
{
	const struct kmem_task *own = th->alike;
	const struct dump_task *t = th->task;
	struct proc_status *status = arena_memdup(r->arena, t->status, sizeof(*t->status));

	memset(status->name, 0, sizeof(status->name));
	memcpy(status->name, own->comm, sizeof(own->comm));
	status->pid = own->tid;
	status->ns_pid.id = arena_array(r->arena, pid_t, status->ns_pid.n);
	status->ns_pid.id[0] = own->tid;
	status->ns_pid.id[status->ns_pid.n - 1] = own->innermost;
	status->sig_pnd = own->pending;
	status->seccomp = own->seccomp;
	th->status = status;
	th->flags = own->flags;
	th->ns = t->ns;
}

static void take_tasks(struct dump_thread *th)
{
	th->status = th->task->status;
	th->flags = th->task->stat.flags;
	th->ns = th->task->ns;
}

int look_at_thread(struct dump_thread *th, const struct reader *r)
{
	const struct dump_task *t = th->task;
	int ret = 0;

	if (th->stop->tid == t->stop->via)
		take_tasks(th);
	else if (th->alike && t->status->ns_pid.n && t->status->ns_pid.n <= 2)
		take_alike(th, r);
	else
		ret = read_thread(th, r);
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
	struct hash by_tid;
	struct arena arenas[TEAM_MAX];
	struct proc_buf bufs[TEAM_MAX];
};

static struct reader reader_of(struct looking *l, size_t who)
{
	return (struct reader){ .arena = &l->arenas[who], .buf = &l->bufs[who] };
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
			if (t->threads[k].stop->tid != t->stop->via && !t->threads[k].alike)
				l->threads[l->n_threads++] = &t->threads[k];
	}
}

static int note_thread(void *data, const struct kmem_task *t)
{
	struct looking *l = data;
	struct dump_thread *th = hash_get(&l->by_tid, t->tid);

	if (th)
		th->alike = arena_memdup(dump_arena(l->d), t, sizeof(*t));
	return 0;
}

static bool is_alike(const struct kmem_task *a, const struct kmem_task *b)
{
	return a && b && a->process == b->process && a->creds && a->creds == b->creds &&
	       a->namespaces && a->namespaces == b->namespaces && a->attributes == b->attributes;
}

static size_t compare_threads(struct dump_task *t)
{
	const struct kmem_task *via = NULL;
	size_t n = 0;

	for (size_t k = 0; k < t->n_threads; k++)
		if (t->threads[k].stop->tid == t->stop->via)
			via = t->threads[k].alike;
	for (size_t k = 0; k < t->n_threads; k++)
		if (is_alike(t->threads[k].alike, via))
			n += t->threads[k].alike != via;
		else
			t->threads[k].alike = NULL;
	return n;
}

/* Most threads have the credentials and namespaces of their process: if the kernel's memory says
 * so, none of a thread's files in /proc has to be made and read. */
static void find_alike(struct looking *l)
{
	struct kmem_view *kernel = inside_view(l->d);
	size_t n = 0, alike = 0;

	for (size_t i = 0; i < l->d->n_tasks; i++)
		n += l->d->tasks[i]->n_threads;
	if (n < l->d->n_tasks + ALIKE_WORTH)
		return;
	if (kmem_view_open(kernel) < 0) {
		log_debug("the kernel's memory can't be read: /proc tells of each thread");
		return;
	}
	for (size_t i = 0; i < l->d->n_tasks; i++)
		for (size_t k = 0; k < l->d->tasks[i]->n_threads; k++) {
			struct dump_thread *th = &l->d->tasks[i]->threads[k];

			hash_put(&l->by_tid, th->stop->tid, th);
		}
	/* Whom it did not come to is looked at in /proc. */
	kmem_tracees(&kernel->memory, kernel->types, note_thread, l);
	for (size_t i = 0; i < l->d->n_tasks; i++)
		alike += compare_threads(l->d->tasks[i]);
	hash_free(&l->by_tid);
	log_debug("%zu threads are like their first one, the kernel's memory tells", alike);
}

void look_at_tree(struct dump *d)
{
	struct looking l = { .d = d };
	size_t tasks = team_size(d->n_tasks, TASKS_WORTH), threads;

	find_alike(&l);
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
