/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which task opens which file: the lowest common ancestor, by forkers, of all tasks that have it.
 * It opens it before it forks, and its heirs get it from it; nothing is sent from task to task.
 */
#include <errno.h>

#include "engine/restore/restore.h"

static size_t depth(const struct restore_task *t)
{
	size_t n = 0;

	for (; t->forker; t = t->forker)
		n++;
	return n;
}

struct restore_task *restore_common_task(struct restore_task *a, struct restore_task *b)
{
	size_t da = depth(a), db = depth(b);

	for (; da > db; da--)
		a = a->forker;
	for (; db > da; db--)
		b = b->forker;
	while (a != b) {
		a = a->forker;
		b = b->forker;
	}
	return a;
}

static void add_user(struct restore_file *f, struct restore_task *user, const FdinfoEntry *e)
{
	if (!f->owner) {
		f->owner = user;
		f->first = e;
	} else if (f->owner != user) {
		f->owner = restore_common_task(f->owner, user);
		f->shared = true;
	}
}

struct restore_file *restore_group_of(struct restore_file *f)
{
	while (f->group) {
		if (f->group->group)
			f->group = f->group->group;
		f = f->group;
	}
	return f;
}

/* The larger group takes in the smaller, so that no chain gets long. */
void restore_group(struct restore *r, struct restore_file *a, struct restore_file *b)
{
	struct restore_file *x = restore_group_of(a), *y = restore_group_of(b);

	(void)r;
	if (x == y)
		return;
	if (x->group_size < y->group_size) {
		y->group_size += x->group_size + 1;
		x->group = y;
	} else {
		x->group_size += y->group_size + 1;
		y->group = x;
	}
}

void restore_open_before(struct restore *r, struct restore_file *f, struct restore_task *t)
{
	struct restore_need need = { f, t };

	arena_push(restore_arena(r), r->needs, r->n_needs, need);
}

/* All files of a group have the owner that the whole group needs. */
static void gather_group(struct restore_file *f)
{
	struct restore_file *g = restore_group_of(f);

	if (g == f || !f->owner)
		return;
	g->shared |= f->shared;
	if (!g->owner) {
		g->owner = f->owner;
	} else if (g->owner != f->owner) {
		g->owner = restore_common_task(g->owner, f->owner);
		g->shared = true;
	}
}

static void level_groups(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		gather_group(r->files[i]);
	for (size_t i = 0; i < r->n_needs; i++) {
		struct restore_file *g = restore_group_of(r->needs[i].file);

		if (g->owner)
			add_user(g, r->needs[i].task, NULL);
	}
	for (size_t i = 0; i < r->n_files; i++) {
		struct restore_file *g = restore_group_of(r->files[i]);

		r->files[i]->owner = g->owner;
		r->files[i]->shared = g->shared;
	}
}

static int check_table(struct restore_task *t)
{
	if (!t->table || t->table->owner == t)
		return 0;
	if (!t->forker || t->forker->table != t->table)
		return err_set(restore_err(t->r), ERR_LATER, EOPNOTSUPP,
			       "task %d shares its descriptor table with a task that is not its "
			       "parent; that can't be rebuilt",
			       t->vpid);
	t->forker->shares_table = true;
	return 0;
}

int plan_files(struct restore *r)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		ret = check_table(r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		for (size_t k = 0; t->table && t->table->owner == t && k < t->table->n_fds; k++)
			add_user(t->table->fds[k].file, t, t->table->fds[k].e);
	}
	level_groups(r);
	for (size_t i = 0; ret == 0 && i < r->n_files; i++) {
		struct restore_file *f = r->files[i];

		if (f->owner)
			arena_push(restore_arena(r), f->owner->own, f->owner->n_own, f);
	}
	return ret;
}
