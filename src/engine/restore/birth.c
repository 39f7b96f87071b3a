/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birth: the tool forks the root, every task forks its brood. Each task, still running the tool's
 * code, maps and fills its memory, opens its files, joins its groups; then it becomes what it was
 * (enter.c). Whoever fails says so in shared memory, and the tool ends them all.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/sched.h>
#include <unistd.h>

#include "base/coverage.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/restore/restore.h"
#include "engine/sentry.h"
#include "kernel/child.h"
#include "model/logfile.h"
#include "model/pidfile.h"
#include "objects/process/process.h"
#include "objects/process/core.h"
#include "objects/registry.h"
#include "task/tree.h"

static _Noreturn void task_main(struct restore_task *t);

static int exit_signal(const struct restore_task *t)
{
	return t->extra && t->extra->has_exit_signal ? (int)t->extra->exit_signal : SIGCHLD;
}

/* An id may be taken for a moment by a process that comes and goes while the tree is made. */
#define CLONE_TRIES 50

static pid_t clone_with_id(struct clone_args *args, pid_t id)
{
	for (int tries = 1;; tries++) {
		pid_t got = syscall(SYS_clone3, args, sizeof(*args));

		if (got >= 0 || errno != EEXIST)
			return got;
		if (tries == CLONE_TRIES || !id_is_free(id)) {
			errno = EEXIST;
			return -1;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

static int task_clone(struct restore *r, struct restore_task *t, uint64_t flags)
{
	pid_t pid = t->vpid, got;
	struct clone_args args = {
		.flags = flags,
		.exit_signal = flags & CLONE_PARENT ? 0 : exit_signal(t),
		.set_tid = (uint64_t)&pid,
		.set_tid_size = 1,
	};

	/* The maker's timer slack becomes the default of what it makes. */
	if (t->n_threads && attributes_slack_default(&t->threads[0]))
		prctl(PR_SET_TIMERSLACK, attributes_slack_default(&t->threads[0]));
	got = clone_with_id(&args, pid);
	if (got == 0)
		task_main(t);
	if (got < 0 && errno == EAGAIN)
		return err_add_pid(restore_err(r), t->vpid, too_many_tasks(r, "task", pid));
	if (got < 0)
		return err_add_pid(restore_err(r), t->vpid,
				   errno == EEXIST
					   ? id_is_taken(r, pid)
					   : err_sys(restore_err(r), "clone3",
						     "can't make a task with the id %d%s", pid,
						     errno == EPERM ? " (that takes "
								      "CAP_CHECKPOINT_RESTORE)"
								    : ""));
	t->real_pid = got;
	return 0;
}

static int fork_brood(struct restore_task *t, bool early)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_brood; i++) {
		struct restore_task *c = t->brood[i];
		uint64_t flags = c->sibling ? CLONE_PARENT : 0;

		if (c->early != early)
			continue;
		if (c->table && c->table == t->table)
			flags |= CLONE_FILES;
		ret = task_clone(t->r, c, flags);
	}
	return ret;
}

static int make_session(struct restore_task *t)
{
	if ((pid_t)t->pstree->sid == t->vpid && getsid(0) != t->vpid && setsid() < 0)
		return err_sys(restore_err(t->r), "setsid", "can't make session %d", t->vpid);
	if (getsid(0) != (pid_t)t->pstree->sid)
		return err_set(restore_err(t->r), ERR_INTERNAL, EINVAL,
			       "task %d came into session %d instead of %u", t->vpid, getsid(0),
			       t->pstree->sid);
	return 0;
}

static bool leads_session(const struct restore_task *t)
{
	return (pid_t)t->pstree->sid == t->vpid;
}

static int lead_session(struct restore_task *t)
{
	int ret = 0;

	for (size_t c = 0; ret == 0 && leads_session(t) && state_classes[c]; c++)
		if (state_classes[c]->lead)
			ret = state_classes[c]->lead(t);
	return ret;
}

/* Groups may lose their last members as soon as files are open (zombies, stand-ins). */
static int settle_groups(struct restore_task *t)
{
	int ret = 0;

	if (!leads_session(t) && t != t->r->root)
		return 0;
	task_wait(t->r, &t->r->shared->joined, t->r->n_tasks);
	for (size_t c = 0; ret == 0 && state_classes[c]; c++)
		if (state_classes[c]->grouped)
			ret = state_classes[c]->grouped(t);
	return ret;
}

bool restore_leaves_group(const struct restore_task *t)
{
	return t->leads_group && t->pstree->pgid && (pid_t)t->pstree->pgid != t->vpid;
}

/* Leaders first; the others join when all leaders stand. Leaders that have gone to another group
 * since do so when all others are where they belong: a group ends with its last member. */
static int join_group(struct restore_task *t)
{
	pid_t pgid = t->pstree->pgid;

	if (t->leads_group && getpgrp() != t->vpid && setpgid(0, 0) < 0)
		return err_sys(restore_err(t->r), "setpgid", "can't make process group %d",
			       t->vpid);
	task_post(&t->r->shared->grouped, t->r->n_tasks);
	/* Most have come into their group with their forker. */
	if (pgid && pgid != getpgrp())
		task_wait(t->r, &t->r->shared->grouped, t->r->n_tasks);
	if (restore_leaves_group(t)) {
		task_post(&t->r->shared->joined, t->r->n_tasks);
		task_wait(t->r, &t->r->shared->joined, t->r->n_tasks);
	}
	if (pgid && pgid != getpgrp() && setpgid(0, pgid) < 0)
		return err_sys(restore_err(t->r), "setpgid", "can't join process group %d", pgid);
	if (!restore_leaves_group(t))
		task_post(&t->r->shared->joined, t->r->n_tasks);
	return 0;
}

static int share_areas(struct restore_task *t)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && area_classes[i]; i++)
		if (area_classes[i]->share)
			ret = area_classes[i]->share(t);
	return ret;
}

/* What must exist before the brood is forked, then the brood, then the rest of this task. */
static int come_to_life(struct restore_task *t)
{
	bool lives = !t->zombie && !t->helper;
	int ret = share_areas(t);

	if (ret == 0)
		ret = place_areas(t, true);
	if (ret == 0)
		ret = open_files(t, true);
	if (ret == 0 && t->shares_table)
		ret = settle_files(t);
	if (ret == 0)
		ret = fork_brood(t, true);
	if (ret == 0)
		ret = make_session(t);
	if (ret == 0)
		ret = lead_session(t);
	if (ret == 0)
		ret = fork_brood(t, false);
	task_post(&t->r->shared->born, t->r->n_tasks);
	if (ret == 0 && lives)
		ret = place_areas(t, false);
	if (ret == 0)
		ret = join_group(t);
	if (ret == 0)
		ret = settle_groups(t);
	if (ret == 0 && lives)
		ret = open_files(t, false);
	if (ret == 0 && lives)
		ret = enter_late_cwd(t);
	/* Who has failed must not wait for children that it has never forked. */
	if (ret < 0)
		return ret;
	task_post(&t->r->shared->opened, t->r->n_tasks);
	task_wait(t->r, &t->r->shared->opened, t->r->n_tasks);
	return 0;
}

/* Children that are not to live: stand-ins are buried, zombies are left to be waited for. */
static int await_dead(struct restore_task *t)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	unsigned int seconds = t->r->s->opts->timeout;
	uint64_t until = child_limit(seconds);

	for (size_t i = 0; i < t->r->n_tasks; i++) {
		struct restore_task *c = t->r->tasks[i];
		int how = WEXITED | __WALL | (c->helper ? 0 : WNOWAIT) | (until ? WNOHANG : 0);
		siginfo_t info = { 0 };

		if (c->parent != t || (!c->helper && !c->zombie))
			continue;
		while (!info.si_pid) {
			if (waitid(P_PID, c->vpid, &info, how) < 0 && errno != EINTR)
				return err_sys(restore_err(t->r), "waitid",
					       "can't wait for the dead task %d", c->vpid);
			if (!info.si_pid && until && monotonic_ns() > until)
				return err_set(restore_err(t->r), ERR_TIMEOUT, ETIMEDOUT,
					       "task %d, which is to be dead, has not ended within "
					       "%u s (is it stopped?)",
					       c->vpid, seconds);
			if (!info.si_pid)
				nanosleep(&moment, NULL);
		}
	}
	return 0;
}

/* What the tool's own work has left pending (SIGCHLD of dead children) is not the program's. */
static void drop_signals(void)
{
	struct timespec now = { 0 };
	sigset_t all;

	sigfillset(&all);
	while (sigtimedwait(&all, NULL, &now) > 0)
		continue;
}

/* A parent that is to adopt is a subreaper until all of its orphans have come. */
static int adopt_orphans(struct restore_task *t)
{
	const struct timespec moment = { .tv_nsec = 50000 };
	size_t n = 0, turns = 0;

	for (size_t i = 0; t->adopts && i < t->n_children; i++) {
		siginfo_t info;

		if (!t->children[i]->adopted)
			continue;
		while (waitid(P_PID, t->children[i]->vpid, &info,
			      WEXITED | WNOHANG | WNOWAIT | __WALL) < 0) {
			if (t->r->shared->failed || ++turns > 100000)
				return err_set(restore_err(t->r), ERR_TIMEOUT, ETIMEDOUT,
					       "orphan %d did not come to its parent %d",
					       t->children[i]->vpid, t->vpid);
			nanosleep(&moment, NULL);
		}
		n++;
	}
	if (t->adopts)
		prctl(PR_SET_CHILD_SUBREAPER, 0);
	while (n--)
		task_post(&t->r->shared->adopted, 0);
	return 0;
}

static int prepare(struct restore_task *t)
{
	int ret = attach_files(t);

	if (ret == 0 && !t->shares_table)
		ret = settle_files(t);
	for (size_t c = 0; ret == 0 && state_classes[c]; c++)
		if (state_classes[c]->prepare)
			ret = state_classes[c]->prepare(t);
	if (ret == 0)
		ret = adopt_orphans(t);
	if (ret == 0)
		ret = await_dead(t);
	return ret < 0 ? ret : build_programs(t);
}

static _Noreturn void task_main(struct restore_task *t)
{
	const uint64_t every_signal = UINT64_MAX;
	struct restore *r = t->r;
	int ret;

	/* One that is to be an orphan must not die with the stand-in that forked it. */
	prctl(PR_SET_PDEATHSIG, t->adopted ? 0 : SIGKILL);
	lifeline_check(r); /* did the tool end before the signal was asked for? */
	if (t->adopts)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* With file capabilities the tool is not, and then its own /proc files are closed to it.
	 * Whoever wants to look into a task still has to have all capabilities that it has
	 * (ptrace(2)). */
	if (t == r->tasks[0])
		prctl(PR_SET_DUMPABLE, 1);
	/* The C library leaves its own two signals open, which a restored timer may well send. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every_signal, NULL, sizeof(every_signal));
	if (logfile_child(r->s->opts, restore_err(r)) < 0)
		task_fail(r);
	fault_hold("task-forked");
	ret = come_to_life(t);
	if (ret == 0 && (t->helper || t->zombie))
		ret = await_dead(t);
	if (ret == 0 && t->helper) {
		/* Who adopts further below goes first: it is nearer than any subreaper above. */
		task_wait(r, &r->shared->adopted, t->turn);
		coverage_note();
		_exit(0);
	}
	if (ret == 0 && t->zombie)
		zombie_end(t);
	if (ret == 0)
		ret = prepare(t);
	if (ret < 0) {
		err_add_pid(restore_err(r), t->vpid, ret);
		task_fail(r);
	}
	task_post(&r->shared->ready, r->n_living);
	task_wait(r, &r->shared->go, 1);
	drop_signals();
	enter_agent(t);
}

/* Of the process that restores. */
static bool is_sibling(const struct restore *r)
{
	return r->s->opts->sibling || (r->s->opts->exec_cmd && sentry_is_run());
}

int fork_root(struct restore *r)
{
	/* By the raw call: the C library leaves two real-time signals of its own open. */
	uint64_t all = ~UINT64_C(0), old;
	int ret;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all));
	lifeline_hold(r);
	image_dir_seal(r->s->images);
	ret = task_clone(r, r->root, is_sibling(r) ? CLONE_PARENT : 0);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	r->s->root_pid = r->root->real_pid;
	if (ret == 0 && r->s->pidfile_fd >= 0)
		ret = pidfile_write(r->s->pidfile_fd, r->s->root_pid, restore_err(r));
	return ret;
}
