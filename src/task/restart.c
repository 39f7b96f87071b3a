/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call with a time limit that was interrupted before (by SIGSTOP, a tracer, an earlier dump) is
 * restart_syscall(2) now. What it goes on with stands in the thread's restart block, which the next
 * incarnation of the thread won't have: it has to make the call anew, and so its number is needed.
 *
 * A thread in a tracing stop sleeps in that stop. To see what the call sleeps in, the thread is
 * sent back into it, with PTRACE_SYSCALL: it stops at the call's entry, sleeps, and stops at its
 * exit, be it that the call has ended or that it is interrupted again; it never comes to its
 * program. Should the tool die meanwhile, the thread has its own registers and goes on.
 */
#include "task/restart.h"

#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "kernel/proc/task.h"
#include "kernel/restart.h"

/* For a busy machine: it ends as soon as the thread sleeps. */
#define PATIENCE_NS 2000000000

static bool has_stopped(pid_t tid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, tid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
	       info.si_pid;
}

/* What the thread sleeps in: the place that /proc names, else the stack where that may be read. */
static enum restart_kind look(struct tree_stop *tree, const struct proc *thread)
{
	enum restart_kind kind;
	char *text;
	size_t len;

	if (proc_wchan(thread, tree->arena, &text, NULL) == 0) {
		kind = restart_kind_of(text);
		if (kind != RESTART_ANY)
			return kind;
	}
	if (proc_read(thread, "stack", &text, &len, NULL) == 0)
		return restart_kind_of(text);
	return RESTART_ANY;
}

static enum restart_kind watch(struct tree_stop *tree, struct proc_stop *p, pid_t tid)
{
	enum restart_kind kind = RESTART_ANY;
	struct proc thread = PROC_INIT;
	uint64_t start = monotonic_ns();
	struct proc_stat stat;

	if (proc_open_thread(&thread, &p->proc, tid, NULL) < 0)
		return kind;
	while (!has_stopped(tid) && monotonic_ns() - start < PATIENCE_NS) {
		if (proc_stat(&thread, &stat, NULL) == 0 && stat.state == 'S') {
			kind = look(tree, &thread);
			break;
		}
		sched_yield();
	}
	proc_close(&thread);
	return kind;
}

static int resolve(struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
		   struct err *err)
{
	enum restart_kind kind = RESTART_ANY;
	struct ptrace_report report;
	bool entered;
	int ret;

	t->stood = false;
	ret = ptrace_syscall(t->tid, 0, err);
	if (ret == 0)
		ret = tree_wait(tree, t->tid, &report, err);
	if (ret < 0)
		return ret;
	entered = report.kind == PTRACE_STOP_SYSCALL;
	if (entered) {
		ret = ptrace_syscall(t->tid, 0, err);
		if (ret == 0)
			kind = watch(tree, p, t->tid);
	}
	ptrace_interrupt(t->tid, NULL);
	if (ret == 0)
		ret = thread_hold(tree, p, t, entered ? NULL : &report, err);
	t->in_restart = t->frozen && restart_hides_call(&t->regs, p->mem_fd);
	if (ret == 0 && t->in_restart)
		t->restart_nr = restart_find(&t->regs, p->mem_fd, kind);
	if (t->in_restart)
		log_debug("thread %d goes on with call %ld, by restart_syscall", t->tid,
			  t->restart_nr);
	return ret;
}

int restarts_resolve(struct tree_stop *tree, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < tree->n_procs; i++) {
		struct proc_stop *p = tree->procs[i];

		for (size_t k = 0; ret == 0 && k < p->n_threads; k++)
			if (restart_hides_call(&p->threads[k].regs, p->mem_fd))
				ret = resolve(tree, p, &p->threads[k], err);
	}
	return ret;
}
