/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All programs have run, every thread waits in the agent. The tool takes each by ptrace, unmaps the
 * home range, and sets the registers, extended state and signal mask with which it goes on. Only
 * when all stand ready are they let go, first threads last.
 *
 * Registers are set at a trap stop and not at a system call's exit: there the kernel still looks
 * whether a call waits to be restarted.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "agent/blob.h"
#include "base/fault.h"
#include "base/interrupt.h"
#include "engine/restore.h"
#include "image/constants.h"
#include "kernel/ptrace.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "task/tree.h"

/* Any system call instruction inside the agent's code. */
static uint64_t syscall_instruction(const struct restore_task *t)
{
	for (unsigned int i = 0; i + 1 < agent_blob_size; i++)
		if (agent_blob[i] == 0x0f && agent_blob[i + 1] == 0x05)
			return t->area_addr + i;
	return 0;
}

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
		if (ret == 0)
			ret = ptrace_interrupt(tid, err);
	}
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = resume_stop(t->r, t->threads[i].vtid, PTRACE_STOP_TRAP);
	return ret;
}

/* The leader unmaps the home range; afterwards it has no code to run until its registers are set. */
static int leave_home(struct restore_task *t)
{
	uint64_t arg[6] = { t->r->home, t->r->home_size };
	struct err *err = restore_err(t->r);
	struct cpu_regs regs;
	int ret = ptrace_get_regs(t->vpid, &regs, err);

	if (ret < 0)
		return ret;
	regs_set_syscall(&regs, syscall_instruction(t), SYS_munmap, arg);
	ret = ptrace_set_regs(t->vpid, &regs, err);
	for (int stop = 0; ret == 0 && stop < 2; stop++) { /* entry, exit */
		ret = ptrace_syscall(t->vpid, 0, err);
		if (ret == 0)
			ret = resume_stop(t->r, t->vpid, PTRACE_STOP_SYSCALL);
	}
	if (ret == 0)
		ret = ptrace_get_regs(t->vpid, &regs, err);
	if (ret == 0 && regs_result(&regs) != 0)
		ret = err_set(err, ERR_KERNEL, -regs_result(&regs),
			      "task %d can't unmap the tool's range", t->vpid);
	return ret;
}

static uint64_t mask_of(const struct restore_task *t, size_t i)
{
	const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

	return i && tc->has_blk_sigset ? tc->blk_sigset : t->core->tc->blk_sigset;
}

static int set_thread(struct restore_task *t, size_t i)
{
	struct err *err = restore_err(t->r);
	pid_t tid = t->threads[i].vtid;
	struct cpu_regs regs;
	int ret = cpu_regs(&t->threads[i], &regs, err);

	if (ret == 0)
		ret = cpu_set_state(tid, &t->threads[i], err);
	if (ret == 0)
		ret = ptrace_set_regs(tid, &regs, err);
	return ret;
}

static int set_task(struct restore_task *t)
{
	struct err *err = restore_err(t->r);
	int ret = hold_threads(t);

	if (ret == 0)
		ret = sleep_on(t);
	if (ret == 0)
		ret = leave_home(t);
	for (size_t i = 1; ret == 0 && i < t->n_threads; i++)
		ret = set_thread(t, i);
	if (ret == 0)
		ret = ptrace_interrupt(t->vpid, err);
	if (ret == 0)
		ret = set_thread(t, 0);
	if (ret == 0)
		ret = ptrace_cont(t->vpid, 0, err);
	if (ret == 0)
		ret = resume_stop(t->r, t->vpid, PTRACE_STOP_TRAP);
	/* Now that registers are final, signals may come: masks last. */
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = ptrace_set_sigmask(t->threads[i].vtid, mask_of(t, i), err);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = process_finish_thread(&t->threads[i], t->threads[i].vtid, err);
	return err_add_pid(err, t->vpid, ret);
}

static pid_t tid_of(const struct restore_thread *th)
{
	return th->vtid;
}

static void let_go(struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;

	/* Sent while it is held: it takes effect as it goes on. */
	if (tc->task_state == TASK_STATE_STOPPED)
		kill(t->vpid, tc->has_stop_signo ? (int)tc->stop_signo : SIGSTOP);
	else if (t->r->s->opts->leave_stopped || signals_stop_pending(t))
		kill(t->vpid, SIGSTOP);
	for (size_t i = t->n_threads; i-- > 0;)
		ptrace_detach(t->threads[i].vtid, 0, NULL);
	if (tc->task_state == TASK_STATE_STOPPED)
		signals_queue_stops(t, tid_of);
}

/*
 * From now on the tasks don't end with the tool: the point of no return. The kernel knows this of
 * each thread for itself, so a tool that is killed within these few microseconds leaves some tasks
 * and ends others. The journal says how many there have to be; clean ends what is left of such a
 * tree.
 */
static int untie_tree(struct restore *r)
{
	int ret = interrupt_check(restore_err(r), "letting the tree go");

	if (ret < 0)
		return ret;
	journal_add(&r->s->journal, "resume %zu\n", r->n_living);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->zombie || t->helper)
			continue;
		for (size_t k = 0; ret == 0 && k < t->n_threads; k++)
			ret = ptrace_set_options(t->threads[k].vtid, 0, restore_err(r));
		if (ret == 0)
			ret = fault_at("restore-untying", restore_err(r));
	}
	return ret;
}

int resume_tree(struct restore *r)
{
	int ret = sched_finish(r, tid_of);

	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = set_task(r->tasks[i]);
	if (ret == 0)
		ret = untie_tree(r);
	if (ret < 0)
		return ret;
	/* Children first: no parent runs before its children stand. */
	for (size_t i = r->n_tasks; i-- > 0;)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			let_go(r->tasks[i]);
	return 0;
}
