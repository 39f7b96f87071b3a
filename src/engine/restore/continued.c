/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See continued.h. What wait(2) tells is a flag of the process that SIGCONT sets where it ends a
 * stop (kernel/signal.c, prepare_signal); a task that the tool traces is no exception. All of it
 * happens before a thread comes back to user mode: the kernel looks at signals and at the tracer's
 * wishes over and over until there are none. The SIGCHLDs that the parent gets for it are taken
 * from it later (told.c).
 */
#include "engine/restore/continued.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/restore/leave.h"
#include "kernel/ptrace.h"

bool continued_untold(const struct restore_task *t)
{
	return !t->zombie && !t->helper && t->extra && t->extra->continued && !leave_stop_signal(t);
}

/* Goes on, with that signal or none, to a stop of this kind; other signals take their course. */
static int go_to(const struct tree_stop *tree, pid_t tid, int signo, enum ptrace_stop kind,
		 int wanted, struct err *err)
{
	struct ptrace_report report;
	int ret;

	for (;;) {
		ret = ptrace_cont(tid, signo, err);
		if (ret == 0)
			ret = tree_wait(tree, tid, &report, err);
		if (ret < 0)
			return ret;
		if (report.kind == PTRACE_STOP_GONE)
			return err_set(err, ERR_TASK_CHANGED, ESRCH, "thread %d has ended", tid);
		if (report.kind == kind && (!wanted || report.signo == wanted))
			return 0;
		signo = report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0;
	}
}

static int send(pid_t pid, int signo, struct err *err)
{
	if (syscall(SYS_tgkill, pid, pid, signo) < 0)
		return err_sys(err, "tgkill", "can't send signal %d to task %d", signo, pid);
	return 0;
}

/* The leader first: it takes the signal, by which all others have to stop. */
static int stop_all(const struct proc_stop *p, const struct tree_stop *tree, struct err *err)
{
	int ret = send(p->pid, SIGSTOP, err);

	if (ret == 0)
		ret = go_to(tree, p->pid, 0, PTRACE_STOP_SIGNAL, SIGSTOP, err);
	if (ret == 0)
		ret = go_to(tree, p->pid, SIGSTOP, PTRACE_STOP_GROUP, 0, err);
	for (size_t i = 1; ret == 0 && i < p->n_threads; i++)
		ret = go_to(tree, p->threads[i].tid, 0, PTRACE_STOP_GROUP, 0, err);
	return ret;
}

/* The signal itself does not reach the program: the leader takes it, and the tool drops it. */
static int continue_all(const struct proc_stop *p, const struct tree_stop *tree, struct err *err)
{
	int ret = send(p->pid, SIGCONT, err);

	if (ret == 0)
		ret = go_to(tree, p->pid, 0, PTRACE_STOP_SIGNAL, SIGCONT, err);
	if (ret == 0)
		ret = ptrace_interrupt(p->pid, err);
	if (ret == 0)
		ret = go_to(tree, p->pid, 0, PTRACE_STOP_TRAP, 0, err);
	for (size_t i = 1; ret == 0 && i < p->n_threads; i++)
		ret = go_to(tree, p->threads[i].tid, 0, PTRACE_STOP_TRAP, 0, err);
	return ret;
}

int continued_again(const struct proc_stop *p, const struct tree_stop *tree, struct err *err)
{
	uint64_t mask;
	int ret = ptrace_get_sigmask(p->pid, &mask, err);

	if (ret == 0)
		ret = ptrace_set_sigmask(p->pid, ~(UINT64_C(1) << (SIGCONT - 1)), err);
	if (ret == 0)
		ret = stop_all(p, tree, err);
	if (ret == 0)
		ret = continue_all(p, tree, err);
	return ret < 0 ? ret : ptrace_set_sigmask(p->pid, mask, err);
}
