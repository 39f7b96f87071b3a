/* SPDX-License-Identifier: Apache-2.0 */
/* The ids that a tree had, of processes and threads: whether they are free, and who has them. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "engine/restore.h"
#include "kernel/proc_stat.h"

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

static const char *taken_by(struct restore *r, pid_t id, struct proc_buf *buf)
{
	struct proc proc = PROC_INIT;
	struct proc_stat stat = { 0 };

	if (proc_open(&proc, id, buf, NULL) == 0) {
		proc_stat(&proc, &stat, NULL);
		proc_close(&proc);
	}
	return arena_printf(restore_arena(r), "is taken by another task (%s, parent %d)",
			    stat.comm[0] ? stat.comm : "?", stat.ppid);
}

int id_is_taken(struct restore *r, pid_t id)
{
	struct proc_buf buf = { 0 };
	int ret = err_set(restore_err(r), ERR_PID_TAKEN, EEXIST, "the id %d %s", id,
			  taken_by(r, id, &buf));

	proc_buf_free(&buf);
	return ret;
}

static void judge_id(struct restore *r, pid_t id, struct proc_buf *buf, size_t *taken)
{
	const char *by;

	/* A dumped task that its parent, often init, has not reaped yet: it is about to go. */
	for (int turns = 0; turns < 200 && is_zombie(id, buf); turns++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (kill(id, 0) < 0 && errno == ESRCH)
		return;
	if (++*taken > TAKEN_SHOWN)
		return;
	by = taken_by(r, id, buf);
	if (!err_is_set(restore_err(r)))
		err_set(restore_err(r), ERR_PID_TAKEN, EEXIST, "the id %d %s", id, by);
	report_refuse(&r->s->report, id, arena_printf(restore_arena(r), "id %d", id), by,
		      "end that process, or restore in a fresh pid namespace");
}

void judge_ids(struct restore *r)
{
	struct proc_buf buf = { 0 };
	size_t taken = 0;

	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_task *t = r->tasks[i];

		judge_id(r, t->vpid, &buf, &taken);
		for (size_t k = 1; k < t->n_threads; k++)
			judge_id(r, t->threads[k].vtid, &buf, &taken);
	}
	if (taken > TAKEN_SHOWN)
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "%zu more ids", taken - TAKEN_SHOWN),
			      "are taken too", "");
	proc_buf_free(&buf);
}
