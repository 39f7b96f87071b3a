/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restore, from the images to a running tree: the steps of the table, in its order. Images are
 * read, verified and judged, and everything is planned, before anything is forked. Until the last
 * step all tasks are the tool's: whatever fails, and if the tool itself is killed, they end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/fault.h"
#include "engine/plan.h"
#include "engine/restore/restore.h"
#include "engine/sentry.h"
#include "image/writer.h"
#include "kernel/pidfd.h"
#include "model/script.h"
#include "objects/class.h"
#include "objects/namespace/time.h"
#include "task/memory_limit.h"
#include "task/tree.h"

static int run_script(struct restore *r, enum script_stage stage)
{
	if (r->s->opts->plan)
		return 0;
	return script_run(r->s->opts, stage, r->s->images_fd, r->s->root_pid, NULL, restore_err(r));
}

static int step_prescript(struct restore *r)
{
	return run_script(r, SCRIPT_PRE_RESTORE);
}

static int count_living(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		r->n_living += !r->tasks[i]->zombie && !r->tasks[i]->helper;
		r->n_living_threads += r->tasks[i]->zombie ? 0 : r->tasks[i]->n_threads;
	}
	return 0;
}

static void end_tree(void *data)
{
	kill_tree(data);
}

static void not_a_reaper(void *data)
{
	(void)data;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static int step_outside(struct restore *r)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->n_files; i++)
		if (r->files[i]->class->prepare)
			ret = r->files[i]->class->prepare(r, r->files[i]);
	return ret;
}

static void finish_outside(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i]->class->finish)
			r->files[i]->class->finish(r, r->files[i]);
}

static int step_fork(struct restore *r)
{
	uint64_t start = monotonic_ns();
	int back, ret;

	/* Orphans of a restore that fails come to us and not to init. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	undo_push(&r->s->undo, not_a_reaper, r);
	undo_push(&r->s->undo, end_tree, r);
	progress_start(&r->progress, "Restoring memory", 0, PROGRESS_BYTES);
	ret = time_enter(r, &back);
	if (ret == 0)
		ret = fork_root(r);
	time_leave(&back);
	if (ret == 0)
		ret = wait_counter(r, &r->shared->born, r->n_tasks, "all tasks are forked");
	r->s->stats.forking_us = (monotonic_ns() - start) / 1000;
	return ret;
}

static int step_namespaces(struct restore *r)
{
	int ret = run_script(r, SCRIPT_SETUP_NAMESPACES);

	return ret < 0 ? ret : run_script(r, SCRIPT_POST_SETUP_NAMESPACES);
}

static int step_ready(struct restore *r)
{
	int ret = wait_counter(r, &r->shared->ready, r->n_living, "files and memory are there");

	progress_end(&r->progress);
	return ret;
}

static int step_programs(struct restore *r)
{
	int ret;

	task_post(&r->shared->go, 1);
	ret = seize_confined(r);
	if (ret == 0)
		ret = wait_counter(r, &r->shared->parked, r->n_living_threads,
				   "all state is restored");
	return ret < 0 && r->shared->bad ? explain_failure(r) : ret;
}

/* Through any of the descriptors that lead to it. */
static int watch_by_fd(struct restore *r, const struct restore_task *t, const struct restore_fd *fd)
{
	_cleanup_fd_ int pidfd = pidfd_open_pid(t->real_pid, restore_err(r)), copy = -1;

	if (pidfd < 0)
		return pidfd;
	copy = pidfd_get(pidfd, fd->e->fd, restore_err(r));
	return copy < 0 ? copy : fd->file->class->watch(r, fd->file, copy);
}

static int step_watch(struct restore *r)
{
	unsigned char *done = arena_alloc(restore_arena(r), r->n_files + 1);
	int ret = 0;

	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (!t->table || t->table->owner != t)
			continue;
		for (size_t k = 0; ret == 0 && k < t->table->n_fds; k++) {
			struct restore_fd *fd = &t->table->fds[k];

			if (!fd->file->class->watch || done[fd->file->index])
				continue;
			done[fd->file->index] = true;
			ret = watch_by_fd(r, t, fd);
		}
	}
	return ret;
}

static int step_postscript(struct restore *r)
{
	int ret = run_script(r, SCRIPT_POST_RESTORE);

	if (ret == 0)
		ret = run_script(r, SCRIPT_NETWORK_UNLOCK);
	return ret < 0 ? ret : run_script(r, SCRIPT_PRE_RESUME);
}

static const struct {
	const char *name; /* also the fault point behind the step */
	int (*run)(struct restore *r);
} steps[] = {
	{ "restore-scripts", step_prescript }, /* pre-restore */
	{ "restore-read", read_images },
	{ "restore-judge", judge_images }, /* refuse, or go on */
	{ "restore-sessions", plan_sessions },
	{ "restore-files", plan_files },
	{ "restore-home", plan_home },
	{ "restore-count", count_living },
	{ "restore-plan", plan_restore },    /* with --plan, the last step */
	{ "restore-alike", find_alike },     /* pages that tasks will share */
	{ "restore-leave", leave_own_file }, /* a task may have the tool's own file mapped */
	{ "restore-outside", step_outside }, /* deleted files exist again, and are open */
	{ "restore-fork", step_fork },	     /* from here on there are tasks */
	{ "restore-seize", seize_leaders },  /* which end with the tool */
	{ "restore-namespaces", step_namespaces },
	{ "restore-ready", step_ready },       /* memory filled, files open */
	{ "restore-programs", step_programs }, /* the tool leaves the tasks' memory */
	{ "restore-watch", step_watch },       /* what must not see the restore itself */
	{ "restore-postscripts", step_postscript },
	{ "restore-resume", resume_tree }, /* the tree runs */
};

static int write_stats(struct restore *r, uint64_t start)
{
	StatsEntry e = STATS_ENTRY__INIT;
	RestoreStatsEntry stats = RESTORE_STATS_ENTRY__INIT;
	void *msgs[] = { &e };

	r->s->stats.pages_compared = r->shared->pages_compared;
	r->s->stats.pages_skipped_cow = r->shared->pages_skipped_cow;
	r->s->stats.pages_restored = r->shared->pages_restored;
	r->s->stats.restore_us = (monotonic_ns() - start) / 1000;
	e.restore = &stats;
	stats.pages_compared = r->shared->pages_compared;
	stats.pages_skipped_cow = r->shared->pages_skipped_cow;
	stats.has_pages_restored = true;
	stats.pages_restored = r->shared->pages_restored;
	stats.forking_time = r->s->stats.forking_us;
	stats.restore_time = (monotonic_ns() - start) / 1000;
	return image_write_service(AT_FDCWD, IMAGE_STATS_RESTORE, msgs, 1, NULL);
}

static int run_steps(struct restore *r)
{
	bool plan = r->s->opts->plan;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool planning = steps[i].run == plan_restore;

		if (planning && !plan)
			continue;
		log_debug("%s", steps[i].name);
		ret = steps[i].run(r);
		if (ret == 0 && i + 1 < sizeof(steps) / sizeof(steps[0]))
			ret = fault_point(r->s, steps[i].name);
		if (planning)
			break;
	}
	return ret;
}

/* Not if the root is to be a child of the tool's parent: who asks for that waits for the tool. */
static int post_sentry(struct session *s)
{
	const struct options *o = s->opts;
	struct servers servers;
	int ret;

	if (o->plan || o->sibling || !o->timeout)
		return 0;
	ret = servers_find(s, &servers);
	return ret < 0 ? ret : sentry_post(s, &servers, false);
}

static void restore_free(struct restore *r)
{
	hash_free(&r->task_by_pid);
	hash_free(&r->thread_ids);
	hash_free(&r->file_by_id);
	hash_free(&r->table_by_id);
}

int engine_restore(struct session *s)
{
	struct restore r = { .s = s };
	uint64_t start = monotonic_ns();
	int ret;

	interrupt_defer();
	ret = post_sentry(s);
	if (ret > 0)
		return 0; /* it was done by somebody else */
	if (ret == 0)
		ret = run_steps(&r);
	progress_end(&r.progress);
	/* What a task has reported is the reason. */
	if (ret < 0 && r.shared && err_is_set(&r.shared->err) && !err_is_set(s->err))
		*s->err = r.shared->err;
	if (ret == 0 && !s->opts->plan) {
		interrupt_forget();
		undo_drop(&s->undo, 0);
		not_a_reaper(NULL);
		finish_outside(&r);
		image_dir_let_go(s->images);
		write_stats(&r, start);
		sentry_succeeded(s);
		script_run(s->opts, SCRIPT_POST_RESUME, s->images_fd, s->root_pid, NULL, NULL);
	} else {
		if (ret < 0)
			memory_limit_explain(s->err); /* what there is still shows it */
		undo_all(&s->undo);
	}
	if (!s->last)
		restore_free(&r);
	return ret;
}
