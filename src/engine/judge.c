/* SPDX-License-Identifier: Apache-2.0 */
/* What can be found out about a restore before anything is forked: all reasons against it at once. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/restore.h"
#include "image/reader.h"
#include "image/verify.h"
#include "kernel/proc_stat.h"
#include "model/cpuinfo.h"
#include "objects/registry.h"

/* Of a thousand ids that are taken, so many are named: it is one reason, a thousand times. */
#define TAKEN_SHOWN 10

static bool is_zombie(pid_t pid, struct proc_buf *buf)
{
	struct proc proc = PROC_INIT;
	struct proc_stat stat = { 0 };

	if (kill(pid, 0) < 0 || proc_open(&proc, pid, buf, NULL) < 0)
		return false;
	proc_stat(&proc, &stat, NULL);
	proc_close(&proc);
	return stat.state == 'Z';
}

static void judge_pid(struct restore *r, pid_t pid, struct proc_buf *buf, size_t *taken)
{
	struct arena *a = restore_arena(r);
	struct proc proc = PROC_INIT;
	struct proc_stat stat = { 0 };

	/* A dumped task that its parent, often init, has not reaped yet: it is about to go. */
	for (int turns = 0; turns < 200 && is_zombie(pid, buf); turns++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (kill(pid, 0) < 0 && errno == ESRCH)
		return;
	if (proc_open(&proc, pid, buf, NULL) == 0) {
		proc_stat(&proc, &stat, NULL);
		proc_close(&proc);
	}
	if (!err_is_set(restore_err(r)))
		err_set(restore_err(r), ERR_PID_TAKEN, EEXIST,
			"the id %d is taken by another task (%s, parent %d)", pid,
			stat.comm[0] ? stat.comm : "?", stat.ppid);
	if (++*taken > TAKEN_SHOWN)
		return;
	report_refuse(&r->s->report, pid, arena_printf(a, "id %d", pid),
		      arena_printf(a, "is taken by another task (%s, parent %d)",
				   stat.comm[0] ? stat.comm : "?", stat.ppid),
		      "end that process, or restore in a fresh pid namespace");
}

static void judge_pids(struct restore *r)
{
	struct proc_buf buf = { 0 };
	size_t taken = 0;

	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_task *t = r->tasks[i];

		judge_pid(r, t->vpid, &buf, &taken);
		for (size_t k = 1; k < t->n_threads; k++)
			judge_pid(r, t->threads[k].vtid, &buf, &taken);
	}
	if (taken > TAKEN_SHOWN)
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "%zu more ids", taken - TAKEN_SHOWN),
			      "are taken too", "");
	proc_buf_free(&buf);
}

static int judge_task(struct restore_task *t)
{
	int ret = 0;

	for (size_t c = 0; ret == 0 && state_classes[c]; c++)
		if (state_classes[c]->check)
			ret = state_classes[c]->check(t);
	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++)
		if (t->vmas[i].class->check)
			ret = t->vmas[i].class->check(t, &t->vmas[i]);
	return err_add_pid(restore_err(t->r), t->vpid, ret);
}

/* cpuinfo.img is there when the dump was asked for it. */
static int judge_processor(struct restore *r)
{
	CpuinfoEntry *entry;
	int ret = image_read_opt(r->s->images, IMAGE_CPUINFO, 0, restore_arena(r), restore_err(r),
				 &entry);

	return ret < 0 || !entry
		       ? ret
		       : cpuinfo_compare(entry, r->s->opts->cpu_cap, &r->s->report, restore_err(r));
}

int judge_images(struct restore *r)
{
	int ret = image_verify(r->s->images, restore_err(r));

	if (ret == 0)
		ret = judge_processor(r);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = judge_task(r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < r->n_files; i++)
		if (r->files[i]->class->check)
			ret = r->files[i]->class->check(r, r->files[i]);
	if (ret < 0)
		return ret;
	if (!r->s->opts->plan)
		judge_pids(r);
	if (!r->s->report.refusals)
		return 0;
	err_set(restore_err(r), ERR_REFUSED, EOPNOTSUPP,
		"the images can't be restored for %zu reason%s", r->s->report.refusals,
		r->s->report.refusals == 1 ? "" : "s");
	return -EOPNOTSUPP;
}
