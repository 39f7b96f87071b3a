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
 *  - exec by another thread than the first waits until all others of the process have ended, and
 *    those that are traced until the tool has taken notice of it; then it goes on with the id of
 *    the first (fs/exec.c, de_thread). So who waits for a thread buries the others meanwhile, and
 *    a first thread that was held, or that has ended, may be another one that is not held yet.
 *  - Ids wrap: one that was read from a list may be another's by the time that it is used. So a
 *    thread is asked for in its process' folder, and a process for its parent, once they are held
 *    and can't go any more; a stranger is let go again, and counts as one that has ended.
 *  - A signal that is about to be delivered when the interrupt comes is delivered first: the
 *    handler's frame is set up, then the thread stops (kernel/signal.c, get_signal).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "kernel/pidfd.h"
#include "kernel/proc/task.h"
#include "kernel/ptrace.h"
#include "task/childless.h"
#include "task/early.h"
#include "task/ended.h"
#include "task/freeze_group.h"
#include "task/frozen_group.h"
#include "task/hold.h"
#include "task/infect.h"
#include "task/restart.h"
#include "task/root.h"
#include "task/tree.h"

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

uint64_t freeze_ends(const struct tree_stop *tree)
{
	return tree->timeout ? tree->frozen_at + tree->timeout * UINT64_C(1000000000) : 0;
}

/* Each round is followed by another one for what it has found, in a tree that makes tasks faster
 * than they can be held too. */
int freeze_in_time(const struct tree_stop *tree, struct err *err)
{
	uint64_t ends = freeze_ends(tree);

	if (ends && monotonic_ns() > ends)
		return err_set(
			err, ERR_TIMEOUT, ETIMEDOUT,
			"the tree does not come to rest: after %u s there still are tasks that "
			"were not seen before, or stop for something else",
			tree->timeout);
	return interrupt_check(err, "freezing the tree");
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

/* PTRACE_SEIZE of a thread in a group stop waits until it has gone over to the tracer's kind of
 * stop, which in a v1 refrigerator it never does; only SIGKILL ends that wait. */
static int check_refrigerator(struct tree_stop *tree, const struct proc_stop *p, struct err *err)
{
	struct proc_stat stat;

	if (tree->freezers == FREEZERS_UNKNOWN)
		tree->freezers = frozen_group_v1_exists() ? FREEZERS_V1 : FREEZERS_NONE;
	if (tree->freezers == FREEZERS_NONE || proc_stat(&p->proc, &stat, NULL) < 0 ||
	    stat.state != 'D')
		return 0;
	return frozen_group_check(p->pid, err);
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
	ret = parent ? check_refrigerator(tree, p, err) : 0; /* the root was looked at before */
	if (ret == 0)
		ret = hold_threads(tree, p, err);
	if (ret < 0)
		return ret;
	ret = proc_stat(&p->proc, &stat, NULL);
	if (ret < 0)
		return ret;
	p->start_time = stat.starttime;
	p->rss_pages = stat.rss;
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
		if (p->threads[i].tid != p->pid &&
		    (p->leader_gone || !is_childless(tree, p->threads[i].tid)))
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
			return root_check_ourselves(tree->procs[0]->pid, &tree->buf, err);
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

	int ret = 0;

	do {
		found = 0;
		childless_find(tree);
		for (size_t i = 0; ret == 0 && i < tree->n_procs; i++) {
			ret = hold_children(tree, tree->procs[i], &new_children, err);
			found += new_children;
		}
		if (ret == 0 && !found)
			ret = tree_drop_ended(tree, &found, err);
		if (ret == 0 && found)
			ret = freeze_in_time(tree, err);
	} while (ret == 0 && found);
	childless_forget(tree);
	return ret;
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

static bool is_shortage(int num)
{
	return num == EMFILE || num == ENFILE || num == ENOMEM;
}

static int freeze(struct tree_stop *tree, pid_t root, bool descendants, const char *cgroup,
		  struct err *err)
{
	int ret = root_check(root, &tree->buf, err);

	if (ret == 0 && (descendants || root == getpid()))
		ret = root_check_ourselves(root, &tree->buf, err);
	if (ret == 0 && cgroup)
		ret = group_seize(tree, root, cgroup, err);
	if (ret == 0)
		ret = frozen_group_check(root, err);
	if (ret == 0)
		ret = hold_root(tree, root, err);
	if (ret == 0 && descendants)
		ret = hold_descendants(tree, err);
	if (ret == 0) {
		early_abandon(tree);
		return 0;
	}
	tree_release(tree, TREE_RUN);
	if (!err_is_set(err))
		err_set(err, is_shortage(-ret) ? ERR_RESOURCE : ERR_TASK_CHANGED, -ret,
			"the tree of %d could not be frozen", root);
	return ret;
}

int tree_freeze_one(struct tree_stop *tree, pid_t pid, unsigned int timeout,
		    struct journal *journal, struct arena *arena, struct err *err)
{
	int ret;

	*tree = (struct tree_stop){ .arena = arena,
				    .journal = journal,
				    .frozen_at = monotonic_ns(),
				    .timeout = timeout,
				    .group = CGROUP_FREEZE_NONE };
	ret = freeze(tree, pid, false, NULL, err);
	early_free(tree);
	return ret;
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

		if (ret == 0 || err->id != ERR_IN_VFORK || monotonic_ns() - began > patience)
			return ret;
		log_debug("%s; trying again", err->text);
		*err = (struct err){ 0 };
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		ret = interrupt_check(err, "freezing the tree");
		if (ret < 0)
			return ret;
		early_take_over(&blank, tree);
		*tree = blank;
		tree->frozen_at = monotonic_ns();
	}
}

int tree_freeze(struct tree_stop *tree, pid_t root, const char *cgroup, unsigned int timeout,
		struct journal *journal, struct kmem_view *kernel, struct arena *arena,
		struct err *err)
{
	int ret;

	*tree = (struct tree_stop){ .arena = arena,
				    .frozen_at = monotonic_ns(),
				    .timeout = timeout,
				    .journal = journal,
				    .kernel = kernel,
				    .group = CGROUP_FREEZE_NONE };
	ret = freeze_between_vforks(tree, root, cgroup, err);
	early_free(tree);
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
