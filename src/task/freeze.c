/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing a tree with PTRACE_SEIZE and PTRACE_INTERRUPT.
 *
 * Invariants:
 *  - A thread that stands in a ptrace stop makes no thread and no process. So once all threads of
 *    a process that its task/ folder shows are held, the folder can't grow; and once all processes
 *    found so far are held, children can only appear by re-parenting (a process that was not yet
 *    held forked and died under a subreaper). Both lists are therefore read again until a whole
 *    pass over the tree finds nothing new.
 *  - A thread may end at any moment before it is held (exit, exec by another thread, a signal):
 *    that is no failure. But between the reading of the list and its end it may have made another
 *    one, so its end counts as something new, and the list is read again.
 *  - Ids wrap: one that was read from a list may be another's by the time that it is used. So a
 *    thread is asked for in its process' folder, and a process for its parent, once they are held
 *    and can't go any more; a stranger is let go again, and counts as one that has ended.
 *  - A signal that is about to be delivered when the interrupt comes is delivered first: the
 *    handler's frame is set up, then the thread stops (kernel/signal.c, get_signal).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "kernel/pidfd.h"
#include "kernel/proc_task.h"
#include "kernel/ptrace.h"
#include "task/infect.h"
#include "task/freeze_group.h"
#include "task/restart.h"
#include "task/tree.h"

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

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

int tree_wait(const struct tree_stop *tree, pid_t tid, struct ptrace_report *ret, struct err *err)
{
	/* Nanoseconds; when to see what it does in place of stopping. */
	uint64_t start = 0, look = 20000000;
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
		if (turn < 50) {
			sched_yield();
			continue;
		}
		if (!start)
			start = monotonic_ns();
		waited = monotonic_ns() - start;
		if (waited > look) {
			look = waited * 2;
			if (has_ended(tid)) {
				*ret = (struct ptrace_report){ PTRACE_STOP_GONE, 0 };
				return 0;
			}
			if (waits_for_vfork(tid))
				return err_set(
					err, ERR_IN_VFORK, EBUSY,
					"process %d waits in vfork(2) for a child that has "
					"neither called exec nor ended; that can't be dumped",
					tid);
		}
		if (tree->timeout && waited > tree->timeout * UINT64_C(1000000000))
			return err_set(err, ERR_TIMEOUT, ETIMEDOUT,
				       "thread %d does not stop (it may be in an uninterruptible "
				       "wait: see /proc/%d/stack)",
				       tid, tid);
		nanosleep(&(struct timespec){ .tv_nsec = waited < 1000000 ? 50000 : 500000 }, NULL);
	}
	ptrace_parse_status(status, ret);
	return 0;
}

int thread_hold(struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
		const struct ptrace_report *first, struct err *err)
{
	struct ptrace_report report;
	int ret;

	for (;; first = NULL) {
		if (first)
			report = *first;
		ret = first ? 0 : tree_wait(tree, t->tid, &report, err);
		if (ret < 0)
			return ret;
		switch (report.kind) {
		case PTRACE_STOP_TRAP:
			goto held;
		case PTRACE_STOP_GROUP:
			p->stop_signo = report.signo;
			goto held;
		case PTRACE_STOP_GONE:
			t->gone = true;
			t->frozen = false;
			p->leader_gone |= t->tid == p->pid;
			return 0;
		case PTRACE_STOP_SIGNAL:
			ret = ptrace_cont(t->tid, report.signo, NULL);
			break;
		case PTRACE_STOP_SYSCALL:
		case PTRACE_STOP_EVENT:
			/* Any stop takes back an interrupt that was asked for before (ptrace_stop).
			 */
			ptrace_interrupt(t->tid, NULL);
			ret = ptrace_cont(t->tid, 0, NULL);
			break;
		}
		if (ret < 0 && ret != -ESRCH)
			return err_sys(err, "ptrace", "can't let thread %d take its signal",
				       t->tid);
	}
held:
	t->frozen = true;
	if (ptrace_get_regs(t->tid, &t->regs, NULL) < 0 ||
	    ptrace_get_sigmask(t->tid, &t->sigmask, NULL) < 0) {
		t->gone = true; /* killed while it stood */
		t->frozen = false;
	} else if (regs_mend_interrupted(&t->regs)) {
		ptrace_set_regs(t->tid, &t->regs, NULL);
	}
	return 0;
}

static struct thread_stop *find_thread(struct proc_stop *p, pid_t tid)
{
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].tid == tid && !p->threads[i].gone)
			return &p->threads[i];
	return NULL;
}

static bool is_thread_of(const struct proc_stop *p, pid_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "task/%d", tid);
	return !faccessat(p->proc.fd, path, F_OK, 0);
}

/* A thread that was seized, wherever it stands, goes on with the signal that it reports, if any. */
static void thread_let_go(struct tree_stop *tree, struct thread_stop *t)
{
	/* It may not have stopped yet, or be dead. */
	const struct tree_stop wait = { .timeout = 1 };
	struct ptrace_report report;

	t->frozen = false;
	if (ptrace(PTRACE_DETACH, t->tid, 0, 0) == 0 || errno != ESRCH)
		return;
	if (tree_wait(&wait, t->tid, &report, NULL) < 0)
		hash_put(&tree->clinging, t->tid, t);
	else if (report.kind != PTRACE_STOP_GONE)
		ptrace_detach(t->tid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0, NULL);
}

static bool in_tree(const struct tree_stop *tree, pid_t pid)
{
	const struct proc_stop *p = hash_get(&tree->by_pid, pid);

	return p && p->held;
}

/* A process that has got the id of a child that vanished. */
static int let_go_stranger(struct tree_stop *tree, struct proc_stop *p)
{
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].frozen)
			thread_let_go(tree, &p->threads[i]);
	return -ESRCH;
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
		return err_set(
			err, num == EPERM ? ERR_PERMISSION : ERR_KERNEL, num,
			"can't attach to thread %d; that takes the same user or CAP_SYS_PTRACE, "
			"and the consent of a security module such as Yama",
			tid);
	if (proc_open(&proc, status.tracer_pid, &tree->buf, NULL) == 0) {
		proc_stat(&proc, &tracer, NULL);
		proc_close(&proc);
	}
	return err_set(err, ERR_TASK_TRACED, num, "thread %d is traced already by process %d (%s)",
		       tid, status.tracer_pid, tracer.comm);
}

static void add_thread(struct tree_stop *tree, struct proc_stop *p, pid_t tid)
{
	if (p->n_threads == p->room_threads) {
		size_t room = p->room_threads ? p->room_threads * 2 : 2;
		struct thread_stop *grown = arena_array(tree->arena, struct thread_stop, room);

		if (p->n_threads)
			memcpy(grown, p->threads, p->n_threads * sizeof(*grown));
		p->threads = grown;
		p->room_threads = room;
	}
	p->threads[p->n_threads++] = (struct thread_stop){ .tid = tid };
}

/* A thread that could not be seized: 1 if it has ended since the list was read, and may have made
 * another one before; 0 if that was known. */
static int look_at_dead(struct tree_stop *tree, struct proc_stop *p, pid_t tid, int num,
			struct proc_tids *dead, struct err *err)
{
	struct proc thread = PROC_INIT;
	struct proc_stat stat = { 0 };

	if (num == ESRCH || proc_open_thread(&thread, &p->proc, tid, NULL) < 0)
		return 1;
	if (proc_stat(&thread, &stat, NULL) < 0)
		stat.state = 'X';
	proc_close(&thread);
	/* A leader that has ended, or a thread on its way out, can't be seized. */
	if (stat.state != 'Z' && stat.state != 'X')
		return explain_seize(tree, p, tid, num, err);
	p->leader_gone |= tid == p->pid;
	for (size_t i = 0; i < dead->n; i++)
		if (dead->tids[i] == tid)
			return 0;
	arena_push(tree->arena, dead->tids, dead->n, tid);
	return 1;
}

/* Seizes what is new in the list. *ret_new counts what came, and what went unseen. */
static int seize_new(struct tree_stop *tree, struct proc_stop *p, const struct proc_tids *tids,
		     struct proc_tids *dead, size_t *ret_new, struct err *err)
{
	size_t known = 0;

	*ret_new = 0;
	for (size_t i = 0; i < tids->n; i++) {
		pid_t tid = tids->tids[i];
		bool early;

		/* Both lists ascend as long as nothing new came in between. */
		while (known < p->n_threads && p->threads[known].tid < tid)
			known++;
		if (known < p->n_threads && p->threads[known].tid == tid && !p->threads[known].gone)
			continue;
		if (find_thread(p, tid))
			continue;
		early = group_adopt(tree, tid) || hash_get(&tree->clinging, tid);
		if (!early && ptrace(PTRACE_SEIZE, tid, 0, SEIZE_OPTIONS) < 0) {
			int ret = look_at_dead(tree, p, tid, errno, dead, err);

			if (ret < 0)
				return ret;
			*ret_new += ret;
			continue;
		}
		if (!early)
			ptrace_interrupt(tid, NULL);
		++*ret_new;
		if (!early && !is_thread_of(p, tid)) {
			struct thread_stop *stranger = arena_new(tree->arena, struct thread_stop);

			*stranger = (struct thread_stop){ .tid = tid };
			thread_let_go(tree, stranger);
			continue;
		}
		add_thread(tree, p, tid);
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
	qsort(p->threads, n, sizeof(*p->threads), by_tid);
	for (size_t i = 1; i < n; i++) /* ids may have wrapped: the leader goes first */
		if (p->threads[i].tid == p->pid) {
			struct thread_stop leader = p->threads[i];

			memmove(&p->threads[1], &p->threads[0], i * sizeof(leader));
			p->threads[0] = leader;
		}
}

/* Holds all threads of a process, or finds out that it is a zombie or has vanished. */
static int hold_threads(struct tree_stop *tree, struct proc_stop *p, struct err *err)
{
	struct proc_tids dead = { 0 };

	for (;;) {
		struct proc_tids tids = { 0 };
		size_t new_threads, first = p->n_threads;
		int ret = proc_threads(&p->proc, tree->arena, &tids, NULL);

		if (ret == -ESRCH || ret == -ENOENT)
			return -ESRCH;
		if (ret < 0)
			return err_set(err, ERR_KERNEL, -ret, "can't list the threads of %d",
				       p->pid);
		ret = seize_new(tree, p, &tids, &dead, &new_threads, err);
		if (ret < 0)
			return ret;
		if (!new_threads)
			break;
		/* The leader last: its end would be told only after that of all others. */
		for (size_t i = p->n_threads; i-- > first;) {
			ret = thread_hold(tree, p, &p->threads[i], NULL, err);
			if (ret < 0)
				return ret;
		}
	}
	tidy_threads(p);
	return 0;
}

/* A leader that has ended has neither memory nor descriptors any more: another thread's folder
 * shows all of the process too. */
static int open_living(struct tree_stop *tree, struct proc_stop *p, struct err *err)
{
	int ret;

	p->via = p->threads[0].tid;
	if (p->via == p->pid)
		return 0;
	p->leader_gone = true;
	proc_close(&p->proc);
	ret = proc_open(&p->proc, p->via, &tree->buf, err);
	if (ret < 0)
		return ret;
	p->pidfd = pidfd_open_thread(p->via, NULL);
	if (p->pidfd < 0)
		return err_set(
			err, ERR_REFUSED, EOPNOTSUPP,
			"process %d goes on although its first thread has ended; that can be "
			"kept from Linux 6.9 on",
			p->pid);
	return 0;
}

static int proc_hold(struct tree_stop *tree, pid_t pid, struct proc_stop *parent,
		     struct proc_stop **ret_proc, struct err *err)
{
	struct proc_stop *p = arena_new(tree->arena, struct proc_stop);
	struct proc_stat stat;
	int ret;

	*p = (struct proc_stop){
		.pid = pid,
		.via = pid,
		.parent = parent,
		.proc = PROC_INIT,
		.pidfd = -1,
		.mem_fd = -1,
	};
	ret = proc_open(&p->proc, pid, &tree->buf, NULL);
	if (ret < 0)
		return ret;
	/* From here on release knows it. */
	p->held = true;
	arena_push(tree->arena, tree->procs, tree->n_procs, p);
	hash_put(&tree->by_pid, pid, p);
	ret = hold_threads(tree, p, err);
	if (ret < 0)
		return ret;
	ret = proc_stat(&p->proc, &stat, NULL);
	if (ret < 0)
		return ret;
	p->start_time = stat.starttime;
	if (parent && !in_tree(tree, stat.ppid))
		return let_go_stranger(tree, p);
	if (!p->n_threads) {
		if (stat.state != 'Z')
			return -ESRCH;
		p->zombie = true;
		p->leader_gone = false;
	} else {
		ret = open_living(tree, p, err);
		if (ret < 0)
			return ret;
		p->mem_fd = proc_openat(&p->proc, "mem", O_RDWR, err);
		if (p->mem_fd < 0)
			return p->mem_fd;
	}
	if (p->n_threads)
		visit_heal(tree, p);
	if (p->pidfd < 0)
		p->pidfd = pidfd_open_pid(pid, NULL);
	*ret_proc = p;
	return 0;
}

/* A process that vanished before it was held leaves the list again. */
static void forget(struct tree_stop *tree, pid_t pid)
{
	struct proc_stop *p = tree->n_procs ? tree->procs[tree->n_procs - 1] : NULL;

	if (!p || p->pid != pid)
		return;
	proc_close(&p->proc);
	close_fd(&p->mem_fd);
	close_fd(&p->pidfd);
	p->held = false;
	tree->n_procs--;
}

static int refuse_ourselves(pid_t root, struct err *err)
{
	return err_set(
		err, ERR_REFUSED, EDEADLK,
		"crtools itself runs inside of the tree of process %d, which can't be dumped "
		"from within; start it outside of that tree",
		root);
}

/* Holds children that are not known yet; *ret_new counts them, and those that have gone. */
static int hold_children(struct tree_stop *tree, struct proc_stop *p, size_t *ret_new,
			 struct err *err)
{
	struct proc_tids tids = { 0 }, children = { 0 };
	int ret;

	*ret_new = 0;
	if (p->zombie)
		return 0;
	arena_push(tree->arena, tids.tids, tids.n, p->pid);
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].tid != p->pid)
			arena_push(tree->arena, tids.tids, tids.n, p->threads[i].tid);
	ret = proc_children(&p->proc, &tids, tree->arena, &children, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < children.n; i++) {
		struct proc_stop *child, *known = hash_get(&tree->by_pid, children.tids[i]);

		if (known && known->held) {
			known->parent = p; /* perhaps re-parented to a subreaper meanwhile */
			continue;
		}
		if (children.tids[i] == getpid())
			return refuse_ourselves(tree->procs[0]->pid, err);
		ret = proc_hold(tree, children.tids[i], p, &child, err);
		if (ret == -ESRCH || ret == -ENOENT) {
			/* Before it ended it may have made others, which have come to a
			 * subreaper in the tree whose list was read earlier. */
			forget(tree, children.tids[i]);
			++*ret_new;
			continue;
		}
		if (ret < 0)
			return ret;
		++*ret_new;
	}
	return 0;
}

static int hold_root(struct tree_stop *tree, pid_t root, struct err *err)
{
	struct proc_stop *p;
	int ret = proc_hold(tree, root, NULL, &p, err);

	if (ret == -ESRCH || ret == -ENOENT)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "there is no process %d", root);
	if (ret < 0)
		return ret;
	if (p->zombie)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
			       "process %d has ended already (it is a zombie)", root);
	return 0;
}

static int hold_descendants(struct tree_stop *tree, struct err *err)
{
	size_t new_children, found;

	do {
		found = 0;
		for (size_t i = 0; i < tree->n_procs; i++) {
			int ret = hold_children(tree, tree->procs[i], &new_children, err);

			if (ret < 0)
				return ret;
			found += new_children;
		}
	} while (found);
	return 0;
}

/* Children may have been found long after their parent: parents first, in the order of finding. */
static void order_tree(struct tree_stop *tree)
{
	struct proc_stop **sorted = arena_array(tree->arena, struct proc_stop *, tree->n_procs);
	struct hash first = { 0 }; /* pid -> index + 1 of the first child, chained by next[] */
	size_t *next = arena_array(tree->arena, size_t, tree->n_procs + 1);
	size_t *stack = arena_array(tree->arena, size_t, tree->n_procs + 1);
	size_t depth = 0, n = 0;

	for (size_t i = tree->n_procs; i-- > 1;) {
		pid_t parent = tree->procs[i]->parent->pid;

		next[i] = (size_t)hash_get(&first, parent);
		hash_put(&first, parent, (void *)(i + 1));
	}
	stack[depth++] = 0;
	while (depth) {
		size_t i = stack[--depth], child;

		sorted[n++] = tree->procs[i];
		if (i && next[i])
			stack[depth++] = next[i] - 1;
		child = (size_t)hash_get(&first, tree->procs[i]->pid);
		if (child)
			stack[depth++] = child - 1;
	}
	memcpy(tree->procs, sorted, n * sizeof(*sorted));
	hash_free(&first);
}

/* A freezer cgroup would stop the tool as well: it looks for itself before, not when it comes upon
 * itself. Processes are followed up to where this pid namespace ends. */
static int look_for_ourselves(struct tree_stop *tree, pid_t root, struct err *err)
{
	struct proc_stat stat = { .ppid = 0 };

	for (pid_t pid = getpid(); pid > 0; pid = stat.ppid) {
		struct proc proc = PROC_INIT;
		int ret;

		if (pid == root)
			return refuse_ourselves(root, err);
		ret = proc_open(&proc, pid, &tree->buf, NULL);
		if (ret == 0)
			ret = proc_stat(&proc, &stat, NULL);
		proc_close(&proc);
		if (ret < 0)
			break;
	}
	return 0;
}

static bool is_shortage(int num)
{
	return num == EMFILE || num == ENFILE || num == ENOMEM;
}

static int freeze(struct tree_stop *tree, pid_t root, bool descendants, const char *cgroup,
		  struct err *err)
{
	int ret = root == getpid() || cgroup ? look_for_ourselves(tree, root, err) : 0;

	if (ret == 0 && cgroup)
		ret = group_seize(tree, root, cgroup, err);
	if (ret == 0)
		ret = hold_root(tree, root, err);
	if (ret == 0 && descendants)
		ret = hold_descendants(tree, err);
	if (ret == 0) {
		group_abandon(tree);
		return 0;
	}
	tree_release(tree, TREE_RUN);
	if (!err_is_set(err))
		err_set(err, is_shortage(-ret) ? ERR_RESOURCE : ERR_TASK_CHANGED, -ret,
			"the tree of %d could not be frozen", root);
	return ret;
}

int tree_freeze_one(struct tree_stop *tree, pid_t pid, unsigned int timeout, struct arena *arena,
		    struct err *err)
{
	*tree = (struct tree_stop){ .arena = arena,
				    .frozen_at = monotonic_ns(),
				    .timeout = timeout,
				    .group = CGROUP_FREEZE_NONE };
	return freeze(tree, pid, false, NULL, err);
}

/* Such a child has but a few calls to make before it execs or ends; only while it runs on, the tree
 * can come to a state in which it can be frozen. Its parent can't be let go of before it stops,
 * which it does as soon as the child has gone on. */
static int freeze_between_vforks(struct tree_stop *tree, pid_t root, const char *cgroup,
				 struct err *err)
{
	struct tree_stop blank = *tree;
	uint64_t patience = (tree->timeout ? tree->timeout : 10) * UINT64_C(1000000000);
	uint64_t began = monotonic_ns();

	for (long pause = 5000000;; pause += pause < 100000000 ? pause / 2 : 0) {
		int ret = freeze(tree, root, true, cgroup, err);

		if (ret == 0 || err->id != ERR_IN_VFORK || monotonic_ns() - began > patience) {
			hash_free(&tree->clinging);
			return ret;
		}
		log_debug("%s; trying again", err->text);
		*err = (struct err){ 0 };
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		ret = interrupt_check(err, "freezing the tree");
		if (ret < 0)
			return ret;
		blank.clinging = tree->clinging;
		*tree = blank;
		tree->frozen_at = monotonic_ns();
	}
}

int tree_freeze(struct tree_stop *tree, pid_t root, const char *cgroup, unsigned int timeout,
		struct journal *journal, struct arena *arena, struct err *err)
{
	int ret;

	*tree = (struct tree_stop){ .arena = arena,
				    .frozen_at = monotonic_ns(),
				    .timeout = timeout,
				    .journal = journal,
				    .group = CGROUP_FREEZE_NONE };
	ret = freeze_between_vforks(tree, root, cgroup, err);
	if (ret < 0)
		return ret;
	order_tree(tree);
	ret = restarts_resolve(tree, err);
	if (ret < 0) {
		tree_release(tree, TREE_RUN);
		return ret;
	}
	log_debug("froze %zu processes in %llu us", tree->n_procs,
		  (unsigned long long)(monotonic_ns() - tree->frozen_at) / 1000);
	return 0;
}

static void proc_let_go(struct tree_stop *tree, struct proc_stop *p, enum tree_end end)
{
	/* A stop signal that is sent while the threads are held takes effect when they go on. */
	if (!p->zombie && !p->stop_signo && (end == TREE_STOP || p->late_stop))
		kill(p->pid, SIGSTOP);
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].frozen)
			thread_let_go(tree, &p->threads[i]);
}

static void proc_kill(struct proc_stop *p)
{
	if (!p->zombie)
		kill(p->pid, SIGKILL);
}

/* Our notices as a tracer have to be taken before the parents get theirs. */
static void proc_bury(struct proc_stop *p)
{
	for (size_t i = p->n_threads; i-- > 0;) {
		int status;

		while (p->threads[i].frozen) {
			pid_t pid = waitpid(p->threads[i].tid, &status, __WALL);

			if (pid < 0 && errno == EINTR)
				continue;
			if (pid < 0 || !WIFSTOPPED(status))
				p->threads[i].frozen = false;
		}
	}
}

void tree_release(struct tree_stop *tree, enum tree_end end)
{
	/* Those that are not in the tree's list, which a thawed group lets stop. */
	if (tree->n_early && tree->group.dir >= 0 && tree->group.frozen)
		cgroup_thaw(&tree->group, NULL);
	group_abandon(tree);
	/* Frozen again before its tasks go on, so that none gets a moment to run. The killed ones
	 * have to run for their end. */
	if (end != TREE_KILL)
		cgroup_freeze_end(&tree->group);
	if (end == TREE_KILL) {
		for (size_t i = 0; i < tree->n_procs; i++)
			proc_kill(tree->procs[i]);
		for (size_t i = tree->n_procs; i-- > 0;)
			proc_bury(tree->procs[i]);
	}
	for (size_t i = 0; i < tree->n_procs; i++) {
		struct proc_stop *p = tree->procs[i];

		if (end != TREE_KILL)
			proc_let_go(tree, p, end);
		proc_close(&p->proc);
		close_fd(&p->mem_fd);
		close_fd(&p->pidfd);
	}
	cgroup_freeze_end(&tree->group);
	hash_free(&tree->by_pid);
	proc_buf_free(&tree->buf);
	tree->n_procs = 0;
}
