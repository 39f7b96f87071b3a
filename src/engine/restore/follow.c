/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges and contents that a class can make as soon as the files that they need are open are made by
 * a second thread while the first one opens the others: attach, which comes when all are open, then
 * finds them made.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include "base/cleanup.h"
#include "base/team.h"
#include "engine/restore/restore.h"
#include "objects/class.h"

#define CALLS_WORTH 64 /* a thread's start is worth so many of them */

struct follower {
	struct restore_task *t;
	struct restore_file **files;
	size_t n;
	_Atomic size_t next;
	_Atomic int ret;
	pthread_t thread;
};

bool restore_await_open(const struct restore_task *t, const struct restore_file *f)
{
	while (!f->open && !t->all_open)
		sched_yield();
	return f->open;
}

static int follow(struct follower *w)
{
	size_t i;
	int ret;

	while (!w->ret && (i = w->next++) < w->n) {
		struct restore_file *f = w->files[i];

		ret = restore_await_open(w->t, f) ? f->class->follow(w->t, f) : 0;
		if (ret < 0)
			w->ret = err_set(restore_err(w->t->r), ERR_KERNEL, -ret,
					 "can't complete file %u (%s)", f->id, f->class->name);
	}
	return w->ret;
}

static void *run(void *arg)
{
	follow(arg);
	return NULL;
}

/* To make the table of descriptors longer for several threads the kernel waits for a grace period
 * of RCU, 10 ms and more (expand_fdtable()): it becomes long enough before there are any. */
static void lengthen_table(const struct restore_task *t)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_CLOEXEC), last = -1;
	unsigned int end = t->r->free_fd;

	for (size_t i = 0; i < t->table->n_fds; i++)
		if (t->table->fds[i].e->fd >= end)
			end = t->table->fds[i].e->fd + 1;
	last = fcntl(root, F_DUPFD_CLOEXEC, end + t->n_own);
}

struct follower *follow_start(struct restore_task *t)
{
	struct follower *w = arena_new(restore_arena(t->r), struct follower);
	size_t calls = 0;

	w->t = t;
	for (size_t i = 0; t->table && !t->shares_table && i < t->n_own; i++) {
		struct restore_file *f = t->own[i];
		size_t n = f->class->follows && !f->open ? f->class->follows(f) : 0;

		calls += n;
		if (n)
			arena_push(restore_arena(t->r), w->files, w->n, f);
	}
	if (team_size(calls, CALLS_WORTH) < 2)
		return NULL;
	/* The thread's id must be none that a task of the tree is still to get. */
	task_wait(t->r, &t->r->shared->born, t->r->n_tasks);
	lengthen_table(t);
	return pthread_create(&w->thread, NULL, run, w) == 0 ? w : NULL;
}

int follow_end(struct follower *w)
{
	if (!w)
		return 0;
	w->t->all_open = true;
	follow(w);
	pthread_join(w->thread, NULL);
	team_await_alone();
	return w->ret;
}
