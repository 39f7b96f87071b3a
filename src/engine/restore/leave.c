/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tool leaves the tasks of a tree that it has restored, after the point of no return: each is
 * stopped if it has to be, its home range is unmapped, its threads get their registers and masks,
 * and are detached from.
 *
 * Should the tool die in here, or fail with one of them, that task goes on by itself: every thread
 * stands at its way out in the home range (task/exits.h) until its registers are set, and the
 * leader, which unmaps that range, meanwhile at one behind the vdso's image. Of the tool there then
 * remains a mapping, which the journal tells crtools clean of.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/restore/continued.h"
#include "engine/restore/leave.h"
#include "engine/restore/restore.h"
#include "engine/restore/told.h"
#include "image/constants.h"
#include "kernel/ptrace.h"
#include "objects/process/core.h"
#include "objects/process/leader.h"
#include "objects/process/process.h"
#include "task/exits.h"
#include "task/visit_steps.h"

struct leaving {
	struct restore_task *task;
	struct proc_stop proc;
	struct visit visit;
	struct proc_area spot; /* where the leader's second way out can be */
	struct proc_areas spots;
	struct area home; /* what it unmaps */
	struct err err;	  /* what went wrong with this task */
	int ret;
};

static struct tree_stop patient = { .timeout = 10 };

int leave_stop_signal(const struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;

	if (tc->task_state == TASK_STATE_STOPPED)
		return tc->has_stop_signo ? (int)tc->stop_signo : SIGSTOP;
	return t->r->s->opts->leave_stopped || signals_stop_pending(t) ? SIGSTOP : 0;
}

uint64_t leave_mask(const struct restore_task *t, size_t i)
{
	const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

	return i && tc->has_blk_sigset ? tc->blk_sigset : t->core->tc->blk_sigset;
}

/* The vdso as the images have it, which is there in any case, or other code. */
static void choose_spot(struct leaving *l)
{
	const VmaEntry *best = NULL;

	for (size_t i = 0; i < l->task->n_vmas; i++) {
		const VmaEntry *e = l->task->vmas[i].e;

		if (!(e->prot & PROT_EXEC) || (e->flags & MAP_SHARED) ||
		    (e->status & VMA_AREA_VSYSCALL))
			continue;
		if (!best || (e->status & VMA_AREA_VDSO))
			best = e;
	}
	if (!best)
		return;
	l->spot = (struct proc_area){
		.start = best->start, .end = best->end, .prot = best->prot, .path = ""
	};
	l->spots = (struct proc_areas){ .areas = &l->spot, .n = 1 };
}

/* For crtools clean, should the tool be killed before it has unmapped the home range. */
static void note_home(const struct leaving *l)
{
	static const unsigned char zeroes[WAY_OUT_MAX];
	const struct restore_task *t = l->task;
	char bytes[2 * sizeof(zeroes) + 1] = "-";

	if (memcmp(l->visit.saved, zeroes, exit_room()))
		for (size_t i = 0; i < exit_room(); i++)
			sprintf(bytes + 2 * i, "%02x", l->visit.saved[i]);
	journal_add(&t->r->s->journal, "home %d %llu %llx %zu %llx %llx %s\n", t->vpid,
		    (unsigned long long)t->start_time, (unsigned long long)l->visit.spot,
		    exit_room(), (unsigned long long)t->r->home,
		    (unsigned long long)(t->area_addr - t->r->home), bytes);
}

static int fill_threads(struct leaving *l, struct err *err)
{
	struct restore_task *t = l->task;
	int ret = 0;

	l->proc.threads = arena_array(restore_arena(t->r), struct thread_stop, t->n_threads);
	l->proc.n_threads = t->n_threads;
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		struct thread_stop *stop = &l->proc.threads[i];

		stop->tid = t->threads[i].vtid;
		stop->sigmask = leave_mask(t, i);
		stop->frozen = true;
		ret = cpu_regs(&t->threads[i], &stop->regs, err);
		if (ret == 0)
			cpu_vectors(&t->threads[i], &stop->vectors);
	}
	return ret;
}

static int prepare_task(struct leaving *l, struct restore_task *t)
{
	struct err *err = restore_err(t->r);
	char path[32];
	int ret;

	*l = (struct leaving){ .task = t };
	l->proc =
		(struct proc_stop){ .pid = t->vpid, .proc = PROC_INIT, .pidfd = -1, .mem_fd = -1 };
	l->visit = (struct visit){
		.proc = &l->proc, .areas = &l->spots, .area = &l->home, .addr = t->r->home
	};
	l->home.len = t->r->home_size;
	ret = fill_threads(l, err);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "/proc/%d/mem", t->vpid);
	l->proc.mem_fd = open(path, O_RDWR | O_CLOEXEC);
	if (l->proc.mem_fd < 0)
		return err_sys(err, "open", "can't reach the memory of task %d", t->vpid);
	choose_spot(l);
	ret = visit_find_spot(&l->visit, err);
	if (ret == 0)
		note_home(l);
	return ret < 0 ? ret : visit_place_stub(&l->visit, err);
}

static void done_with(struct leaving *l)
{
	close_fd(&l->proc.mem_fd);
	free(l->visit.saved);
}

/* Lets a thread go on until its process has stopped. It stops itself by SIGSTOP; the tool makes of
 * that the signal by which it was stopped once, as long as that has the same effect. */
static int await_stop(struct leaving *l, pid_t tid, int signo)
{
	struct ptrace_report report;
	int ret;

	for (;;) {
		ret = tree_wait(&patient, tid, &report, &l->err);
		if (ret < 0 || report.kind == PTRACE_STOP_GROUP)
			return ret;
		if (report.kind == PTRACE_STOP_GONE)
			return err_set(&l->err, ERR_TASK_CHANGED, ESRCH, "thread %d has ended",
				       tid);
		if (report.kind == PTRACE_STOP_SIGNAL && report.signo == SIGSTOP &&
		    signo != SIGSTOP) {
			/* Should it be ignored (no orphaned process group is stopped by a terminal's
			 * signals), the thread stands at a trap, and takes the real one. */
			ret = ptrace_set_sigmask(tid, ~(UINT64_C(1) << (signo - 1)), &l->err);
			if (ret == 0)
				ret = ptrace_interrupt(tid, &l->err);
			if (ret == 0)
				ret = ptrace_cont(tid, signo, &l->err);
			signo = SIGSTOP;
		} else if (report.kind == PTRACE_STOP_TRAP && kill(l->proc.pid, SIGSTOP) < 0) {
			return err_sys(&l->err, "kill", "can't stop task %d", l->proc.pid);
		} else {
			ret = ptrace_cont(tid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0,
					  &l->err);
		}
		if (ret < 0)
			return ret;
	}
}

/* All threads take part in the stop when they next look: none comes back to its program before. */
static int stop_task(struct leaving *l)
{
	int signo = leave_stop_signal(l->task), ret;

	if (!signo)
		return 0;
	ret = ptrace_cont(l->proc.pid, 0, &l->err);
	if (ret == 0)
		ret = await_stop(l, l->proc.pid, signo);
	for (size_t i = 1; ret == 0 && i < l->proc.n_threads; i++) {
		ret = ptrace_cont(l->proc.threads[i].tid, 0, &l->err);
		if (ret == 0)
			ret = await_stop(l, l->proc.threads[i].tid, SIGSTOP);
	}
	l->proc.stop_signo = signo;
	return ret;
}

static int start_leaving(struct leaving *l)
{
	int ret = told_take(l->task, &patient, &l->visit, &l->err);

	if (ret == 0)
		ret = stop_task(l);
	if (ret == 0 && continued_untold(l->task))
		ret = continued_again(&l->proc, &patient, &l->err);
	/* Masks first: the way out does the same, and the registers lead away from it. */
	for (size_t i = 1; ret == 0 && i < l->proc.n_threads; i++)
		ret = visit_land(&patient, &l->visit, &l->proc.threads[i],
				 l->task->r->exits_at + exits_place(i), &l->err);
	l->visit.step = STEP_MAPPED;
	return ret < 0 ? ret : visit_start_leaving(&patient, &l->visit, &l->err);
}

static int finish_leaving(struct leaving *l)
{
	struct restore_task *t = l->task;
	int ret = visit_finish_leaving(&patient, &l->visit, &l->err);

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = process_finish_thread(&t->threads[i], t->threads[i].vtid, &l->err);
	return ret;
}

static pid_t tid_of(const struct restore_thread *th)
{
	return th->vtid;
}

static void let_go(struct leaving *l)
{
	struct restore_task *t = l->task;

	if (l->ret < 0) {
		log_warn(
			"Task %d goes on, with a mapping of crtools' left in it that crtools clean "
			"can take away: %s",
			t->vpid, l->err.text);
		t->r->s->journal.keep = true;
	}
	if (t->extra && t->extra->leader_gone && !leave_stop_signal(t) &&
	    ptrace_detach(t->vpid, 0, NULL) == 0)
		leader_await_end(t);
	for (size_t i = t->n_threads; i-- > 0;)
		if (ptrace_detach(t->threads[i].vtid, 0, NULL) < 0 && l->ret < 0) {
			/* It runs, and can only be let go when it stands. */
			struct ptrace_report report;

			ptrace_interrupt(t->threads[i].vtid, NULL);
			tree_wait(&patient, t->threads[i].vtid, &report, NULL);
			ptrace_detach(t->threads[i].vtid, 0, NULL);
		}
	if (t->core->tc->task_state == TASK_STATE_STOPPED)
		signals_queue_stops(t, tid_of);
}

int leave_prepare(struct restore *r, struct leaving **ret_all, size_t *ret_n)
{
	struct leaving *all = arena_array(restore_arena(r), struct leaving, r->n_living);
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = prepare_task(&all[n++], r->tasks[i]);
	for (size_t i = 0; ret < 0 && i < n; i++)
		done_with(&all[i]);
	*ret_all = all;
	*ret_n = n;
	return ret;
}

void leave_tree(struct leaving *all, size_t n)
{
	/* Children first: no parent runs before its children stand. */
	for (size_t i = n; i-- > 0;)
		all[i].ret = start_leaving(&all[i]);
	for (size_t i = n; i-- > 0;)
		if (all[i].ret == 0)
			all[i].ret = finish_leaving(&all[i]);
	for (size_t i = n; i-- > 0;) {
		let_go(&all[i]);
		done_with(&all[i]);
	}
}
