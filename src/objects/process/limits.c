/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource limits of a process (getrlimit(2)). Read from /proc/PID/limits: prlimit(2) on another
 * user's process needs CAP_SYS_RESOURCE, which a container's root does not have.
 *
 * They are set late, by the leader: queued signals, timers, descriptors and memory of the process
 * may exceed what it allows itself today. They are set before the credentials, because a hard limit
 * above the tool's own takes CAP_SYS_RESOURCE.
 */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/proc/stat.h"
#include "kernel/proc/task.h"
#include "objects/process/process.h"

/* As prlimit(1) calls them; RLIMIT_* has them in capitals. */
static const char *const names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "cpu",		[RLIMIT_FSIZE] = "fsize",
	[RLIMIT_DATA] = "data",		[RLIMIT_STACK] = "stack",
	[RLIMIT_CORE] = "core",		[RLIMIT_RSS] = "rss",
	[RLIMIT_NPROC] = "nproc",	[RLIMIT_NOFILE] = "nofile",
	[RLIMIT_MEMLOCK] = "memlock",	[RLIMIT_AS] = "as",
	[RLIMIT_LOCKS] = "locks",	[RLIMIT_SIGPENDING] = "sigpending",
	[RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
	[RLIMIT_RTPRIO] = "rtprio",	[RLIMIT_RTTIME] = "rttime",
};

static int collect(struct dump_task *t)
{
	struct arena *a = dump_arena(t->dump);
	struct proc_limits limits;
	TaskRlimitsEntry *all;
	int ret = proc_limits(&t->stop->proc, &limits, dump_err(t->dump));
	if (ret < 0)
		return ret;
	all = arena_msg(a, TaskRlimitsEntry, task_rlimits_entry);
	t->core->tc->rlimits = all;
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		RlimitEntry *e = arena_msg(a, RlimitEntry, rlimit_entry);

		e->cur = limits.limit[i].rlim_cur;
		e->max = limits.limit[i].rlim_max;
		arena_push(a, all->rlimits, all->n_rlimits, e);
	}
	return 0;
}

/* The capability counts in the first user namespace only. Trying it out is the one sure way; a task
 * may not raise its own limit by less than this. */
static bool may_raise(void)
{
	struct rlimit now, more;
	bool yes;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		/* Descriptors have a ceiling of another kind (fs.nr_open). */
		if (i == RLIMIT_NOFILE || getrlimit(i, &now) < 0 || now.rlim_max == RLIM_INFINITY)
			continue;
		more = (struct rlimit){ now.rlim_cur, now.rlim_max + 1 };
		yes = setrlimit(i, &more) == 0;
		setrlimit(i, &now);
		return yes;
	}
	return true; /* nothing that could be raised */
}

/* The tool's own, asked once. It raises that of descriptors on the way (home.c). */
static bool own_limit(int i, struct rlimit *ret)
{
	static struct rlimit limits[RLIM_NLIMITS];
	static bool asked[RLIM_NLIMITS];

	if (i == RLIMIT_NOFILE || !asked[i]) {
		if (getrlimit(i, &limits[i]) < 0)
			return false;
		asked[i] = true;
	}
	*ret = limits[i];
	return true;
}

static const char *name_value(struct arena *a, uint64_t value)
{
	return value == RLIM_INFINITY ? "unlimited"
				      : arena_printf(a, "%llu", (unsigned long long)value);
}

static void check_limit(struct restore_task *t, int i, const RlimitEntry *e)
{
	struct arena *a = restore_arena(t->r);
	struct rlimit now;

	if (!own_limit(i, &now) || e->max <= now.rlim_max || may_raise())
		return;
	restored_refuse(
		t, arena_printf(a, "resource limit %s", names[i]),
		arena_printf(a,
			     "is %s (hard); crtools has only %s, and can't raise it without "
			     "CAP_SYS_RESOURCE",
			     name_value(a, e->max), name_value(a, now.rlim_max)),
		arena_printf(a,
			     "Raise the hard limit of the shell first (prlimit --pid $$ "
			     "--%s=%s as root), or run crtools with CAP_SYS_RESOURCE.",
			     names[i], name_value(a, e->max)));
}

static size_t queued(const SignalQueueEntry *queue)
{
	return queue ? queue->n_signals : 0;
}

/* Each queued signal and each POSIX timer takes a place. */
static size_t places_of(const struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	size_t n = queued(tc->signals_s) + (tc->timers ? tc->timers->n_posix : 0);

	for (size_t i = 0; i < t->n_threads; i++)
		n += queued(t->threads[i].core->thread_core->signals_p);
	return n;
}

/* All are queued while the tasks have the tool's user and limits: a count of the whole tree. */
static void check_places(struct restore *r)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	struct proc_status own;
	size_t places = 0;

	for (size_t i = 0; i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			places += places_of(r->tasks[i]);
	if (!places || proc_open(&self, getpid(), &buf, NULL) < 0 ||
	    proc_status(&self, restore_arena(r), &own, NULL) < 0)
		return;
	if (places + own.sigq > own.sigq_limit)
		report_refuse(
			&r->s->report, 0, "queued signals and timers",
			arena_printf(restore_arena(r),
				     "need %zu places in the queues of crtools' user, of which "
				     "others take %u; the limit is %u",
				     places, own.sigq, own.sigq_limit),
			"Raise the limit of the shell first (ulimit -i, as root: prlimit --pid $$ "
			"--sigpending=N).");
}

static int check(struct restore_task *t)
{
	const TaskRlimitsEntry *all;

	if (t->zombie || t->helper || !t->core->tc->rlimits)
		return 0;
	if (t == t->r->tasks[0])
		check_places(t->r);
	all = t->core->tc->rlimits;
	for (size_t i = 0; i < all->n_rlimits && i < RLIM_NLIMITS; i++) {
		const RlimitEntry *e = all->rlimits[i];

		if (e->cur > e->max)
			return image_bad(t, IMAGE_CORE, t->vpid,
					 "the resource limit %s is %llu, above its hard limit %llu",
					 names[i], (unsigned long long)e->cur,
					 (unsigned long long)e->max);
		check_limit(t, i, e);
	}
	return 0;
}

static int emit_thread(struct restore_thread *th)
{
	const TaskRlimitsEntry *all = th->task->core->tc->rlimits;
	struct program *p = th->prog;

	program_stage(p, STAGE_RIGHTS);
	program_note(p, "the other threads, before the limits");
	meeting_reach(th, MEETING_STATE);
	if (!thread_leads(th) || !all)
		return 0;
	for (size_t i = 0; i < all->n_rlimits && i < RLIM_NLIMITS; i++) {
		struct rlimit now, limit = { all->rlimits[i]->cur, all->rlimits[i]->max };

		if (own_limit(i, &now) && now.rlim_cur == limit.rlim_cur &&
		    now.rlim_max == limit.rlim_max)
			continue;
		program_note(p, "limit %s", names[i]);
		program_do(p, SYS_prlimit64, IMM(0), IMM(i),
			   AREA(area_put(p->area, &limit, sizeof(limit))), IMM(0));
	}
	return 0;
}

const struct state_class limits_state = {
	.name = "limits",
	.collect = collect,
	.check = check,
	.emit_thread = emit_thread,
};
