/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding the threads of one process: waiting for stops, seizing what its task/ folder shows until
 * that shows nothing new. The invariants are those at the top of freeze.c.
 */
#include "kernel/inode.h"
#include "task/hold.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "kernel/proc/task.h"
#include "kernel/ptrace.h"
#include "kernel/tracer.h"
#include "task/early.h"
#include "task/freeze_group.h"
#include "task/frozen_group.h"
#include "task/undertaker.h"

#define YIELDS 50 /* looks before the first sleep */

/* A thread that waits in vfork(2) for its child can't be stopped before the child lets it go
 * (kernel/fork.c, wait_for_vfork_done, which compilers make a part of kernel_clone). */
static bool waits_for_vfork(pid_t tid)
{
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	char *text;
	size_t len;
	bool yes;

	if (proc_open(&proc, tid, &buf, NULL) < 0)
		return false;
	yes = proc_read(&proc, "wchan", &text, &len, NULL) == 0 && proc_wchan_vfork(text);
	if (!yes && proc_read(&proc, "stack", &text, &len, NULL) == 0)
		yes = strstr(text, "vfork") != NULL;
	proc_close(&proc);
	proc_buf_free(&buf);
	return yes;
}

/* The end of a group's leader is told only when its other threads have been reaped (kernel/exit.c,
 * delay_group_leader). */
static bool has_ended(pid_t tid)
{
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	struct proc_stat stat = { .state = 'Z' };

	if (proc_open(&proc, tid, &buf, NULL) == 0)
		proc_stat(&proc, &stat, NULL);
	proc_close(&proc);
	proc_buf_free(&buf);
	return stat.state == 'Z';
}

/* A thread that was seized by its former id need not have got the interrupt: between the exchange
 * of the ids and the end of the former first thread, that was the one who was asked. */
static void ask_heir_again(struct thread_stop *t)
{
	t->asked_again = true;
	ptrace_interrupt(t->tid, NULL);
}

#define MAX_LOOK 500000000

/* The kernel tells a tracer of each stop and end by SIGCHLD: whoever keeps that signal can sleep
 * until there is something to look at. */
struct hearing {
	sigset_t signals, before;
	bool on;
};

static void hear(struct hearing *h)
{
	sigemptyset(&h->signals);
	sigaddset(&h->signals, SIGCHLD);
	h->on = pthread_sigmask(SIG_BLOCK, &h->signals, &h->before) == 0;
}

static void hear_no_more(const struct hearing *h)
{
	if (h->on)
		pthread_sigmask(SIG_SETMASK, &h->before, NULL);
}

/* Not for long: the signal may be another thread's of the tool, or be ignored. */
static void sleep_hearing(const struct hearing *h, long ns)
{
	sigtimedwait(&h->signals, NULL, &(struct timespec){ .tv_nsec = ns });
}

/* p: the process, if other threads of it are held too. */
static int await_hearing(const struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
			 struct hearing *hearing, struct ptrace_report *ret, struct err *err)
{
	/* Nanoseconds; when to see what it does in place of stopping. */
	uint64_t start = 0, look = 20000000;
	pid_t tid = t->tid;
	int status;

	for (unsigned int turn = 0;; turn++) {
		pid_t pid = waitpid(tid, &status, __WALL | WNOHANG);
		uint64_t waited;

		if (pid == tid)
			break;
		if (pid < 0 && errno == ECHILD) {
			*ret = (struct ptrace_report){ PTRACE_STOP_GONE, 0 };
			return 0;
		}
		if (pid < 0 && errno != EINTR)
			return err_sys(err, "waitpid", "can't wait for thread %d", tid);
		if (turn < YIELDS) {
			sched_yield();
			continue;
		}
		if (!start) {
			start = monotonic_ns();
			hear(hearing); /* what came before shows at the next look */
			continue;
		}
		waited = monotonic_ns() - start;
		if (waited > look) {
			look = waited < MAX_LOOK ? waited * 2 : waited + MAX_LOOK;
			if (p)
				bury_dead(p, tid);
			if (has_ended(tid)) {
				*ret = (struct ptrace_report){ PTRACE_STOP_GONE, 0 };
				return 0;
			}
			if (p && tid == p->pid)
				ask_heir_again(t);
			if (waits_for_vfork(tid))
				return err_set(
					err, ERR_IN_VFORK, EBUSY,
					"process %d waits in vfork(2) for a child that has "
					"neither called exec nor ended; that can't be dumped",
					tid);
			if (frozen_group_check(tid, err) < 0)
				return -EBUSY;
			if (p && interrupt_check(err, "freezing the tree") < 0)
				return -EINTR;
		}
		if (tree->timeout && waited > tree->timeout * UINT64_C(1000000000))
			return err_set(err, ERR_TIMEOUT, ETIMEDOUT,
				       "thread %d does not stop (it may be in an uninterruptible "
				       "wait: see /proc/%d/stack)",
				       tid, tid);
		sleep_hearing(hearing, waited < 1000000 ? 50000 : 500000);
	}
	ptrace_parse_status(status, ret);
	return 0;
}

static int await(const struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
		 struct ptrace_report *report, struct err *err)
{
	struct hearing hearing = { .on = false };
	int ret = await_hearing(tree, p, t, &hearing, report, err);

	hear_no_more(&hearing);
	return ret;
}

int tree_wait(const struct tree_stop *tree, pid_t tid, struct ptrace_report *ret, struct err *err)
{
	return await(tree, NULL, &(struct thread_stop){ .tid = tid }, ret, err);
}

/* The thread stands; false: it was killed since. */
static bool note_state(struct arena *a, struct proc_stop *p, struct thread_stop *t, int stop_signo)
{
	t->frozen = t->stood = true;
	if (ptrace_get_regs(t->tid, &t->regs, NULL) < 0 ||
	    ptrace_get_vectors(t->tid, a, &t->vectors, NULL) < 0 ||
	    ptrace_get_sigmask(t->tid, &t->sigmask, NULL) < 0)
		return false;
	if (stop_signo)
		p->stop_signo = stop_signo;
	if (t->tid == p->pid)
		p->leader_gone = false;
	ptrace_mend_regs(t->tid, &t->before, &t->regs);
	return true;
}

int thread_hold(struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
		const struct ptrace_report *first, struct err *err)
{
	struct ptrace_report report;
	int ret;

	for (size_t turn = 0;; first = NULL) {
		if (first)
			report = *first;
		ret = turn++ ? freeze_in_time(tree, err) : 0;
		if (ret == 0 && !first)
			ret = await(tree, p, t, &report, err);
		if (ret < 0)
			return ret;
		switch (report.kind) {
		case PTRACE_STOP_TRAP:
		case PTRACE_STOP_GROUP:
			if (!t->asked_again) {
				if (note_state(tree->arena, p, t,
					       report.kind == PTRACE_STOP_GROUP ? report.signo : 0))
					return 0;
				break;
			}
			/* A second interrupt that came behind this stop would stop it again later
			 * on. With one that is there for certain, it goes from this stop into the
			 * next (kernel/signal.c, get_signal). */
			t->asked_again = false;
			__attribute__((fallthrough));
		case PTRACE_STOP_SYSCALL:
		case PTRACE_STOP_EVENT:
			/* Any stop takes back an interrupt that was asked for before (ptrace_stop).
			 */
			ptrace_interrupt(t->tid, NULL);
			ret = ptrace_cont(t->tid, 0, NULL);
			break;
		case PTRACE_STOP_GONE:
			t->gone = true;
			t->frozen = false;
			p->leader_gone |= t->tid == p->pid;
			return 0;
		case PTRACE_STOP_SIGNAL:
			ret = ptrace_cont(t->tid, report.signo, NULL);
			break;
		}
		if (ret < 0 && ret != -ESRCH)
			return err_sys(err, "ptrace", "can't let thread %d take its signal",
				       t->tid);
	}
}

static struct thread_stop *find_thread(struct proc_stop *p, pid_t tid)
{
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].tid == tid && !p->threads[i].gone)
			return &p->threads[i];
	return NULL;
}

/* Signal 0 tells without a look-up below /proc, but not to whom it is not allowed. */
static bool is_thread_of(const struct proc_stop *p, pid_t tid)
{
	char path[32];

	if (syscall(SYS_tgkill, p->pid, tid, 0) == 0)
		return true;
	if (errno == ESRCH)
		return false;
	snprintf(path, sizeof(path), "task/%d", tid);
	return inode_exists(p->proc.fd, path);
}

void thread_let_go(struct tree_stop *tree, struct thread_stop *t)
{
	const struct tree_stop wait = { .timeout = 1 };
	struct ptrace_report report;

	t->frozen = false;
	/* Where nobody has asked yet it may have stopped for a signal, which would be lost. */
	if (t->stood && (tracer_ptrace(PTRACE_DETACH, t->tid, 0, 0) == 0 || errno != ESRCH))
		return;
	/* It may not have stopped yet, or be dead. */
	if (tree_wait(&wait, t->tid, &report, NULL) < 0)
		early_note(tree, t->tid);
	else if (report.kind != PTRACE_STOP_GONE)
		ptrace_detach(t->tid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0, NULL);
}

/* The lock that it waits for is that of an exec. */
static int explain_endless_exec(struct tree_stop *tree, const struct proc_stop *p, pid_t tid,
				struct err *err)
{
	struct proc_stat stat = { .comm = "" };
	const char *where = "";
	size_t len;
	char *text;

	proc_stat(&p->proc, &stat, NULL);
	if (proc_read(&p->proc, "wchan", &text, &len, NULL) == 0 && strcmp(text, "0") != 0)
		where = arena_printf(tree->arena, ", in %s()", text);
	return err_set(
		err, ERR_TIMEOUT, ETIMEDOUT,
		"can't attach to thread %d: process %d (%s) has been in execve(2) for %u s%s: "
		"it waits for its file, whose server may not answer, or for the end of "
		"another of its threads (see /proc/%d/task/*/stack)",
		tid, p->pid, stat.comm, tree->timeout, where, p->pid);
}

static int explain_seize(struct tree_stop *tree, const struct proc_stop *p, pid_t tid, int num,
			 struct err *err)
{
	struct proc proc = PROC_INIT;
	struct proc_status status = { 0 };
	struct proc_stat tracer = { 0 };

	if (proc_open(&proc, tid, &tree->buf, NULL) == 0) {
		proc_status(&proc, tree->arena, &status, NULL);
		proc_close(&proc);
	}
	if (!is_thread_of(p, tid))
		return 1; /* it has ended, and this was another's */
	if (!status.tracer_pid)
		return err_set(err, num == EPERM ? ERR_PERMISSION : ERR_KERNEL, num,
			       "can't attach to thread %d; %s", tid, ptrace_whom_allowed());
	if (proc_open(&proc, status.tracer_pid, &tree->buf, NULL) == 0) {
		proc_stat(&proc, &tracer, NULL);
		proc_close(&proc);
	}
	return err_set(err, ERR_TASK_TRACED, num, "thread %d is traced already by process %d (%s)",
		       tid, status.tracer_pid, tracer.comm);
}

static void add_thread(struct tree_stop *tree, struct proc_stop *p, pid_t tid,
		       const struct cpu_call *before)
{
	if (p->n_threads == p->room_threads) {
		size_t room = p->room_threads ? p->room_threads * 2 : 2;
		struct thread_stop *grown = arena_array(tree->arena, struct thread_stop, room);

		if (p->n_threads)
			memcpy(grown, p->threads, p->n_threads * sizeof(*grown));
		p->threads = grown;
		p->room_threads = room;
	}
	p->threads[p->n_threads++] = (struct thread_stop){ .tid = tid, .before = *before };
}

/* The first thread's id may have gone to another one that was seized by its former id. A first
 * thread that was seized and has ended is ours, too, but there is nothing to wait for. */
static bool is_ours(struct tree_stop *tree, const struct proc_stop *p, pid_t tid)
{
	struct proc thread = PROC_INIT;
	struct proc_status status = { 0 };

	if (tid != p->pid || proc_open_thread(&thread, &p->proc, tid, NULL) < 0)
		return false;
	proc_status(&thread, tree->arena, &status, NULL);
	proc_close(&thread);
	return status.tracer_pid == tracer_id() && status.state != 'Z' && status.state != 'X';
}

/* 0, or the errno. EPERM also says that a thread is just ending. The interrupt of a thread that
 * is seized already has been asked for, and a second one would stop it again later on. */
static int seize(struct tree_stop *tree, const struct proc_stop *p, pid_t tid,
		 struct cpu_call *ret_before)
{
	for (int tries = 0;; tries++) {
		int num = undertaker_seize(tid, SEIZE_OPTIONS);

		if (!num)
			break;
		if (num != EPERM)
			return num;
		if (is_ours(tree, p, tid))
			return 0;
		if (tid != p->pid || tries == 3)
			return EPERM;
	}
	ptrace_foresee(tid, ret_before);
	/* Even its zombie can be asked, so this one has got the first one's id by exec. */
	if (ptrace_interrupt(tid, NULL) == -ESRCH)
		ptrace_interrupt(p->pid, NULL);
	return 0;
}

/* Of one process: threads that are known to have ended, and how often what was seen of it did not
 * go together, as it happens while another thread takes the place of the first. */
struct ended {
	struct proc_tids tids;
	unsigned int doubts;
};
#define MAX_DOUBTS 20

/* Whether to look again, a moment later. */
static bool in_doubt(struct ended *ended)
{
	if (ended->doubts == MAX_DOUBTS)
		return false;
	ended->doubts++;
	nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	return true;
}

/* A thread that could not be seized: 1 if it has ended since the list was read, and may have made
 * another one before; 0 if that was known. */
static int look_at_dead(struct tree_stop *tree, struct proc_stop *p, pid_t tid, int num,
			struct ended *ended, struct err *err)
{
	struct proc thread = PROC_INIT;
	struct proc_stat stat = { 0 };

	if (num == ETIMEDOUT)
		return explain_endless_exec(tree, p, tid, err);
	if (num == ESRCH || proc_open_thread(&thread, &p->proc, tid, NULL) < 0)
		return 1;
	if (proc_stat(&thread, &stat, NULL) < 0)
		stat.state = 'X';
	proc_close(&thread);
	/* A leader that has ended, or a thread on its way out, can't be seized. */
	if (stat.state != 'Z' && stat.state != 'X')
		return tid == p->pid && in_doubt(ended) ? 1 : explain_seize(tree, p, tid, num, err);
	p->leader_gone |= tid == p->pid;
	for (size_t i = 0; i < ended->tids.n; i++)
		if (ended->tids.tids[i] == tid)
			return 0;
	arena_push(tree->arena, ended->tids.tids, ended->tids.n, tid);
	return 1;
}

bool thread_is_kernels(const struct proc *leader, pid_t tid)
{
	struct robust_list_head *head = NULL;
	struct proc thread = PROC_INIT;
	struct proc_stat stat = { 0 };
	size_t len;

	if (tid == leader->pid || (syscall(SYS_get_robust_list, tid, &head, &len) == 0 && head) ||
	    proc_open_thread(&thread, leader, tid, NULL) < 0)
		return false;
	proc_stat(&thread, &stat, NULL);
	proc_close(&thread);
	return proc_stat_works_for_kernel(&stat);
}

/* Seizes what is new in the list. *ret_new counts what came, and what went unseen. */
static int seize_new(struct tree_stop *tree, struct proc_stop *p, const struct proc_tids *tids,
		     struct ended *ended, size_t *ret_new, struct err *err)
{
	size_t known = 0;

	*ret_new = 0;
	for (size_t i = 0; i < tids->n; i++) {
		pid_t tid = tids->tids[i];
		struct cpu_call before = { .nr = -1 };
		int num = 0;
		bool early;

		/* Both lists ascend as long as nothing new came in between. */
		while (known < p->n_threads && p->threads[known].tid < tid)
			known++;
		if (known < p->n_threads && p->threads[known].tid == tid && !p->threads[known].gone)
			continue;
		if (find_thread(p, tid) || thread_is_kernels(&p->proc, tid))
			continue;
		early = early_adopt(tree, tid);
		if (!early)
			num = seize(tree, p, tid, &before);
		if (num) {
			int ret = look_at_dead(tree, p, tid, num, ended, err);

			if (ret < 0)
				return ret;
			*ret_new += ret;
			continue;
		}
		++*ret_new;
		if (!early && !is_thread_of(p, tid)) {
			struct thread_stop *stranger = arena_new(tree->arena, struct thread_stop);

			*stranger = (struct thread_stop){ .tid = tid };
			thread_let_go(tree, stranger);
			continue;
		}
		add_thread(tree, p, tid, &before);
		p->threads[p->n_threads - 1].frozen = true; /* to be let go on failure */
	}
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct thread_stop *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static void tidy_threads(struct proc_stop *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_threads; i++)
		if (!p->threads[i].gone)
			p->threads[n++] = p->threads[i];
	p->n_threads = n;
	if (n)
		qsort(p->threads, n, sizeof(*p->threads), by_tid);
	for (size_t i = 1; i < n; i++) /* ids may have wrapped: the leader goes first */
		if (p->threads[i].tid == p->pid) {
			struct thread_stop leader = p->threads[i];

			memmove(&p->threads[1], &p->threads[0], i * sizeof(leader));
			p->threads[0] = leader;
		}
}

static bool any_gone(const struct proc_stop *p, size_t first)
{
	for (size_t i = first; i < p->n_threads; i++)
		if (p->threads[i].gone)
			return true;
	return false;
}

/* The first thread was held, but has been killed since by the exec of another one, which has taken
 * its id or is about to. That one need not have been seen: until it was held, the first thread may
 * have made it, and the list breaks off behind a first thread that is being replaced
 * (fs/proc/base.c, next_tid). 1: it did not stand any more. */
static int hold_heir(struct tree_stop *tree, struct proc_stop *p, struct err *err)
{
	struct thread_stop *leader = find_thread(p, p->pid);
	struct ptrace_report report;
	struct cpu_regs regs;
	int status, ret;
	pid_t got;

	if (!leader || !leader->frozen)
		return 0;
	got = waitpid(leader->tid, &status, __WALL | WNOHANG);
	if (got == 0 && ptrace_get_regs(leader->tid, &regs, NULL) == 0)
		return 0;
	if (got == leader->tid)
		ptrace_parse_status(status, &report);
	ret = thread_hold(tree, p, leader, got == leader->tid ? &report : NULL, err);
	return ret < 0 ? ret : 1;
}

/* A process without a thread to hold is a zombie, or gone. If its first thread lives, or is not the
 * only one, then that is another one by now than was in the list. */
static bool must_have_threads(const struct proc_stop *p)
{
	struct proc_stat stat;

	for (size_t i = 0; i < p->n_threads; i++)
		if (!p->threads[i].gone)
			return false;
	return proc_stat(&p->proc, &stat, NULL) == 0 && (stat.state != 'Z' || stat.num_threads > 1);
}

/* Whether there are as many threads as are held, so that a list would show no other. The number of
 * links of the task/ folder counts all that are not reaped (fs/proc/base.c, proc_task_getattr). */
static bool holds_all(const struct proc_stop *p)
{
	struct stat st;
	size_t n = 0;

	for (size_t i = 0; i < p->n_threads; i++)
		n += !p->threads[i].gone;
	return n && fstatat(p->proc.fd, "task", &st, 0) == 0 && st.st_nlink == n + 2;
}

/* What the task/ folder shows that is not held yet; *ret_new as of seize_new(), 0 on entry. */
static int seize_listed(struct tree_stop *tree, struct proc_stop *p, struct ended *ended,
			size_t *ret_new, struct err *err)
{
	struct proc_tids tids = { 0 };
	int ret;

	if (holds_all(p))
		return 0;
	ret = proc_threads(&p->proc, tree->arena, &tids, NULL);
	if (ret == -ESRCH || ret == -ENOENT)
		return -ESRCH;
	if (ret < 0)
		return err_set(err, ERR_KERNEL, -ret, "can't list the threads of %d", p->pid);
	undertaker_watch(p, tids.n == 1, freeze_ends(tree));
	ret = seize_new(tree, p, &tids, ended, ret_new, err);
	undertaker_rest();
	return ret;
}

int hold_threads(struct tree_stop *tree, struct proc_stop *p, struct err *err)
{
	struct ended ended = { 0 };

	for (size_t turn = 0;; turn++) {
		size_t new_threads = 0, first = p->n_threads;
		int ret = turn > 1 ? freeze_in_time(tree, err) : 0;

		if (ret == 0)
			ret = seize_listed(tree, p, &ended, &new_threads, err);
		if (ret < 0)
			return ret;
		if (!new_threads) {
			ret = hold_heir(tree, p, err);
			if (ret < 0)
				return ret;
			if (ret == 0 && !(must_have_threads(p) && in_doubt(&ended)))
				break;
			continue;
		}
		/* The leader last: its end would be told only after that of all others. */
		for (size_t i = p->n_threads; ret == 0 && i-- > first;)
			if (!p->threads[i].gone)
				ret = thread_hold(tree, p, &p->threads[i], NULL, err);
		if (ret == 0 && any_gone(p, first)) {
			bury_dead(p, p->pid);
			ret = hold_heir(tree, p, err);
		}
		if (ret < 0)
			return ret;
	}
	tidy_threads(p);
	return 0;
}
