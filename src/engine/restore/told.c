/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See told.h. The parent itself makes the calls, where it stands ready to go: wait4 takes the
 * report, rt_sigtimedwait the signal. A SIGCHLD that was pending at the dump takes the place of
 * those that come now (a signal below SIGRTMIN is queued once), and one of another sender is queued
 * again.
 */
#include "engine/restore/told.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/restore/continued.h"
#include "engine/restore/leave.h"
#include "kernel/ptrace.h"
#include "objects/process/process.h"
#include "task/visit_steps.h"

#define SIGSET_SIZE 8

static bool stops(const struct restore_task *c)
{
	return !c->zombie && !c->helper && (leave_stop_signal(c) || continued_untold(c));
}

static bool was_told(const struct restore_task *c)
{
	return c->extra && c->extra->has_stop_told && c->extra->stop_told;
}

static int take_signal(struct restore_task *t, struct tree_stop *tree, struct visit *v,
		       struct err *err)
{
	struct restore_scratch *s = &t->r->shared->scratch;
	const uint64_t wait[6] = { (uint64_t)&s->set, (uint64_t)&s->info, (uint64_t)&s->no_time,
				   SIGSET_SIZE };
	const uint64_t queue[6] = { t->vpid, SIGCHLD, (uint64_t)&s->info };
	int64_t result;
	int ret;

	s->set = UINT64_C(1) << (SIGCHLD - 1);
	memset(&s->no_time, 0, sizeof(s->no_time));
	ret = visit_call(tree, v, SYS_rt_sigtimedwait, wait, &result, err);
	if (ret == 0 && result == SIGCHLD && s->info.si_code != CLD_STOPPED &&
	    s->info.si_code != CLD_CONTINUED)
		ret = visit_call(tree, v, SYS_rt_sigqueueinfo, queue, &result, err);
	return ret;
}

/* From a system call's exit, where registers can't be put back (engine/restore/resume.c). */
static int stand_again(struct tree_stop *tree, pid_t pid, const struct cpu_regs *regs,
		       uint64_t mask, struct err *err)
{
	struct ptrace_report report = { 0 };
	int ret = ptrace_interrupt(pid, err);

	while (ret == 0 && report.kind != PTRACE_STOP_TRAP) {
		ret = ptrace_cont(pid, 0, err);
		if (ret == 0)
			ret = tree_wait(tree, pid, &report, err);
		if (ret == 0 && report.kind == PTRACE_STOP_GONE)
			ret = err_set(err, ERR_TASK_CHANGED, ESRCH, "task %d has ended", pid);
	}
	if (ret == 0)
		ret = ptrace_set_regs(pid, regs, err);
	return ret < 0 ? ret : ptrace_set_sigmask(pid, mask, err);
}

int told_take(struct restore_task *t, struct tree_stop *tree, struct visit *v, struct err *err)
{
	struct cpu_regs regs;
	uint64_t mask;
	int64_t result;
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_children; i++) {
		const struct restore_task *c = t->children[i];
		const uint64_t wait[6] = { c->vpid, 0, WUNTRACED | WNOHANG | __WALL };

		if (!stops(c))
			continue;
		if (!n++) {
			ret = ptrace_get_regs(t->vpid, &regs, err);
			if (ret == 0)
				ret = ptrace_get_sigmask(t->vpid, &mask, err);
		}
		if (ret == 0 && was_told(c))
			ret = visit_call(tree, v, SYS_wait4, wait, &result, err);
	}
	if (!n || ret < 0)
		return ret;
	if (!signals_pending(t, SIGCHLD))
		ret = take_signal(t, tree, v, err);
	return ret < 0 ? ret : stand_again(tree, t->vpid, &regs, mask, err);
}
