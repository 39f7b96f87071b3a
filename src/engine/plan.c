/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See plan.h. What a program of a restore holds depends on things that only the forked task finds
 * out: where areas could be mapped, which numbers its descriptors got. Both are foretold here, by
 * the same rules: an area is put elsewhere first if the tool itself is where it belongs. Nothing
 * is mapped or opened, and no task is forked.
 */
#include "engine/plan.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/listing.h"
#include "engine/restore/restore.h"
#include "kernel/proc/maps.h"
#include "objects/class.h"

static int check_output(const struct session *s)
{
	if (s->opts->json)
		return err_set(s->err, ERR_USAGE, 0, "--plan prints text; it can't be had as JSON");
	return 0;
}

static int flush(const struct session *s)
{
	return fflush(stdout) ? err_sys(s->err, "write", "writing the plan to standard output") : 0;
}

static void list_thread(pid_t task, pid_t thread, const struct program *p)
{
	if (task == thread)
		printf("task %d: %zu calls\n", task, p->n);
	else
		printf("thread %d of task %d: %zu calls\n", thread, task, p->n);
	listing_program(stdout, p);
}

int plan_dump(struct dump *d)
{
	int ret = check_output(d->s);

	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		if (t->zombie) {
			printf("task %d: has ended, runs nothing\n", t->vpid);
			continue;
		}
		area_finish(t->visit.area);
		for (size_t k = 0; k < t->n_threads; k++)
			list_thread(t->vpid, t->threads[k].vtid, t->threads[k].prog);
	}
	return ret < 0 ? ret : flush(d->s);
}

static bool taken(const struct proc_areas *own, const VmaEntry *e)
{
	for (size_t i = 0; i < own->n; i++)
		if (own->areas[i].start < e->end && own->areas[i].end > e->start)
			return true;
	return false;
}

static void foretell_areas(struct restore_task *t, const struct proc_areas *own)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		struct restore_vma *v = &t->vmas[i];
		uint64_t len = v->e->end - v->e->start;

		if (!v->class->place)
			continue;
		v->addr = taken(own, v->e) ? stage_alloc(t->r, len) : v->e->start;
		v->prot = v->e->prot;
		v->placed = true;
	}
}

static int list_task(struct restore_task *t, const struct proc_areas *own)
{
	int ret;

	foretell_areas(t, own);
	ret = build_programs(t);
	for (size_t k = 0; ret == 0 && k < t->n_threads; k++)
		list_thread(t->vpid, t->threads[k].vtid, t->threads[k].prog);
	area_free(t->area);
	t->area = NULL;
	return err_add_pid(restore_err(t->r), t->vpid, ret);
}

int plan_restore(struct restore *r)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	struct proc_areas own;
	int ret = check_output(r->s);

	if (ret == 0)
		ret = proc_open(&self, getpid(), &buf, restore_err(r));
	if (ret == 0)
		ret = proc_maps(&self, restore_arena(r), &own, restore_err(r));
	proc_close(&self);
	proc_buf_free(&buf);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->zombie || t->helper)
			printf("task %d: %s, runs nothing\n", t->vpid,
			       t->zombie ? "has ended" : "stands for a leader that is gone");
		else
			ret = list_task(t, &own);
	}
	return ret < 0 ? ret : flush(r->s);
}
