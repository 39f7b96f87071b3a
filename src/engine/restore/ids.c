/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids that a tree had, of processes and threads: whether they are free, and who has them. An
 * id is taken as long as a process, a thread, a process group or a session has it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/restore/restore.h"
#include "kernel/proc/stat.h"
#include "task/tree.h"

/* Of a thousand ids that are taken, so many are named: it is one reason, a thousand times. */
#define TAKEN_SHOWN 10
/* So long may those who have to reap the dumped tree take. */
#define REAP_WAIT_NS 2000000000ull

static bool read_stat(pid_t id, struct proc_buf *buf, struct proc_stat *ret)
{
	struct proc proc = PROC_INIT;
	int done = proc_open(&proc, id, buf, NULL);

	if (done == 0)
		done = proc_stat(&proc, ret, NULL);
	proc_close(&proc);
	return done == 0;
}

/* A group and a session keep their id until their last member has gone (kernel/pid.c). A member
 * that lives, or else one that has ended. */
static bool find_member(pid_t id, struct proc_buf *buf, struct proc_stat *ret)
{
	_cleanup_dir_ DIR *all = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	while (all && (e = readdir(all))) {
		struct proc_stat stat;

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !read_stat((pid_t)atoi(e->d_name), buf, &stat) ||
		    (stat.pgrp != id && stat.session != id))
			continue;
		*ret = stat;
		found = true;
		if (stat.state != 'Z')
			break;
	}
	return found;
}

static const char *taken_by(struct restore *r, pid_t id, struct proc_buf *buf)
{
	struct proc_stat stat;

	if (read_stat(id, buf, &stat))
		return arena_printf(restore_arena(r), "is taken by another task (%s, parent %d)",
				    stat.comm, stat.ppid);
	if (find_member(id, buf, &stat))
		return arena_printf(restore_arena(r),
				    "is still that of the %s of another task (%s, %d)",
				    stat.pgrp == id ? "process group" : "session", stat.comm,
				    stat.pid);
	return "was taken by another task, which has ended meanwhile";
}

bool id_is_free(pid_t id)
{
	return kill(id, 0) < 0 && errno == ESRCH && (id == 1 || kill(-id, 0) < 0) && errno == ESRCH;
}

/* Of a dumped task that its parent, often init, has not reaped yet: it is about to go. */
static bool is_of_dead(pid_t id, struct proc_buf *buf)
{
	struct proc_stat stat;

	return (read_stat(id, buf, &stat) || find_member(id, buf, &stat)) && stat.state == 'Z';
}

int id_is_taken(struct restore *r, pid_t id)
{
	struct proc_buf buf = { 0 };
	int ret = err_set(restore_err(r), ERR_PID_TAKEN, EEXIST, "the id %d %s", id,
			  taken_by(r, id, &buf));

	proc_buf_free(&buf);
	return ret;
}

/* Waits for the dead, of all ids together no longer than until the limit. */
static void judge_id(struct restore *r, pid_t id, uint64_t limit, struct proc_buf *buf,
		     size_t *taken)
{
	const char *by;

	while (!id_is_free(id) && is_of_dead(id, buf) && monotonic_ns() < limit)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (id_is_free(id))
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
	const uint64_t limit = monotonic_ns() + REAP_WAIT_NS;
	struct proc_buf buf = { 0 };
	size_t taken = 0;

	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_task *t = r->tasks[i];

		judge_id(r, t->vpid, limit, &buf, &taken);
		for (size_t k = 1; k < t->n_threads; k++)
			judge_id(r, t->threads[k].vtid, limit, &buf, &taken);
	}
	if (taken > TAKEN_SHOWN)
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "%zu more ids", taken - TAKEN_SHOWN),
			      "are taken too", "");
	proc_buf_free(&buf);
}
