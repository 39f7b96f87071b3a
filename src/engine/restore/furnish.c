/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were opened bare get all the rest: by several threads of the task, if there are many.
 * Opening itself stays one thread's, as each descriptor then comes to its number at once.
 */
#include "base/team.h"
#include "engine/restore/restore.h"
#include "objects/class.h"

#define FILES_WORTH 64 /* a thread's start is worth so many of them */
#define PART	    8  /* files */

struct furnishing {
	struct restore_task *t;
	struct restore_file **files;
	size_t n;
};

static int furnish(struct restore_task *t, struct restore_file *f)
{
	int ret = f->class->furnish(t, f, f->stage_fd);

	f->bare = false;
	return ret < 0 ? err_set(restore_err(t->r), ERR_KERNEL, -ret, "can't restore file %u (%s)",
				 f->id, f->class->name)
		       : 0;
}

static int furnish_part(void *data, size_t who, size_t part)
{
	const struct furnishing *all = data;
	size_t end = (part + 1) * PART < all->n ? (part + 1) * PART : all->n;
	int ret = 0;

	(void)who;
	for (size_t i = part * PART; ret == 0 && i < end; i++)
		ret = furnish(all->t, all->files[i]);
	return ret;
}

/* The ids of the threads must be none that a task of the tree is still to get. */
static int furnish_by_team(struct furnishing *all, size_t size)
{
	struct restore *r = all->t->r;
	int ret;

	task_wait(r, &r->shared->born, r->n_tasks);
	r->crowded = true;
	ret = team_run(size, (all->n + PART - 1) / PART, furnish_part, all);
	r->crowded = false;
	team_await_alone();
	return ret;
}

int furnish_files(struct restore_task *t, bool for_children)
{
	struct furnishing all = { .t = t };
	size_t size;

	for (size_t i = 0; i < t->n_own; i++)
		if (t->own[i]->bare)
			arena_push(restore_arena(t->r), all.files, all.n, t->own[i]);
	if (!all.n)
		return 0;
	size = for_children ? 1 : team_size(all.n, FILES_WORTH);
	/* What is found out once, for all of a kind, the first one finds out. */
	if (size > 1) {
		int ret = furnish(t, all.files[0]);

		all.files++;
		all.n--;
		return ret < 0 ? ret : furnish_by_team(&all, size);
	}
	return team_run(1, (all.n + PART - 1) / PART, furnish_part, &all);
}
