/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All programs have run, every thread waits in the agent. The tool takes each by ptrace, sets its
 * extended state and leads it to its way out, by which it would go on without the tool. When all
 * stand there, one store to memory that they share decides that the tree lives: a tool that is
 * killed before leaves no task, one that is killed later the whole tree (leave.c).
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>

#include "base/fault.h"
#include "base/interrupt.h"
#include "engine/restore/leave.h"
#include "engine/restore/restore.h"
#include "kernel/ptrace.h"
#include "objects/class.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/security/security.h"
#include "task/exits.h"
#include "task/tree.h"

int resume_stop(struct restore *r, pid_t tid, enum ptrace_stop kind)
{
	const struct tree_stop wait = { .timeout = 10 };

	for (;;) {
		struct ptrace_report report;
		int ret = tree_wait(&wait, tid, &report, restore_err(r));

		if (ret < 0)
			return ret;
		if (report.kind == kind)
			return 0;
		if (report.kind == PTRACE_STOP_GONE)
			return err_set(restore_err(r), ERR_TASK_CHANGED, ESRCH,
				       "thread %d ended before it could be resumed", tid);
		if (report.kind == PTRACE_STOP_SIGNAL)
			return err_set(restore_err(r), ERR_INTERNAL, EFAULT,
				       "thread %d got signal %d before it could be resumed", tid,
				       report.signo);
		ret = kind == PTRACE_STOP_SYSCALL ? ptrace_syscall(tid, 0, restore_err(r))
						  : ptrace_cont(tid, 0, restore_err(r));
		if (ret < 0)
			return ret;
	}
}

static int hold_threads(struct restore_task *t)
{
	struct err *err = restore_err(t->r);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		pid_t tid = t->threads[i].vtid;

		if (i && !t->threads[i].seized)
			ret = ptrace_seize(tid, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD, err);
		t->threads[i].seized |= ret == 0;
		if (ret == 0)
			ret = ptrace_interrupt(tid, err);
	}
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = resume_stop(t->r, t->threads[i].vtid, PTRACE_STOP_TRAP);
	return ret;
}

/* At its way out, with its own extended state and descriptors of segments. */
static int set_thread(struct restore_task *t, size_t i)
{
	struct err *err = restore_err(t->r);
	pid_t tid = t->threads[i].vtid;
	struct cpu_regs regs;
	int ret = cpu_regs(&t->threads[i], &regs, err);

	if (ret == 0)
		ret = cpu_set_state(tid, &t->threads[i], err);
	return ret < 0 ? ret : exit_stand(tid, &regs, t->r->exits_at + exits_place(i), err);
}

static pid_t tid_of(const struct restore_thread *th)
{
	return th->vtid;
}

static int set_task(struct restore_task *t)
{
	int ret = hold_threads(t);

	if (ret == 0)
		ret = sleep_on(t);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = set_thread(t, i);
	return err_add_pid(restore_err(t->r), t->vpid, ret);
}

/*
 * From now on the kernel does not end the tasks with the tool. It knows this of each thread for
 * itself; so that a tool that is killed in the middle doesn't leave half a tree, those that are
 * untied end by themselves as long as the word that they share is 0 (agent/arch/<a>/stub.S).
 */
static int untie_task(struct restore_task *t)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD;
	int ret = 0;

	if (seccomp_confines(t))
		options |= PTRACE_O_SUSPEND_SECCOMP;
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = ptrace_set_options(t->threads[i].vtid, options, restore_err(t->r));
	return ret < 0 ? ret : fault_at("restore-untying", restore_err(t->r));
}

static void release_files(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i]->class->release)
			r->files[i]->class->release(r, r->files[i]);
}

int resume_tree(struct restore *r)
{
	struct leaving *all;
	size_t n;
	int ret = sched_finish(r, tid_of);

	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = set_task(r->tasks[i]);
	if (ret == 0)
		ret = leave_prepare(r, &all, &n);
	if (ret == 0)
		ret = interrupt_check(restore_err(r), "letting the tree go");
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = untie_task(r->tasks[i]);
	if (ret < 0)
		return ret;
	journal_add(&r->s->journal, "resume\n");
	r->shared->commit = 1; /* the point of no return, for all of them at once */
	fault_at("restore-committed", NULL);
	release_files(r);
	fault_at("restore-released", NULL);
	leave_tree(all, n);
	return 0;
}
