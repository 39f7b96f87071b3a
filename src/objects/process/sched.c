/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread is scheduled: policy, priority, nice value, deadline parameters, clamps
 * (sched_getattr(2)), processors, I/O priority, core scheduling cookie.
 *
 * The core image has room for policy, priority and nice value; SCHED_RESET_ON_FORK is a bit of its
 * policy, as sched_getscheduler(2) returns it. The rest is in our own image.
 *
 * Processors are kept only where the thread may not run on all that are online: a thread without
 * a wish of its own is to use all of a bigger machine. Those that the target lacks are left out.
 *
 * Since Linux 6.12 a fair thread's runtime is its time slice, and a value that was never set is the
 * default: only one that differs from the tool's is kept and set.
 */
#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "kernel/child.h"
#include "objects/process/process.h"

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define RESET_ON_FORK_BIT  0x40000000u /* in a policy */
#define FLAG_RESET_ON_FORK 0x01u
#define FLAGS_DEADLINE	   0x06u /* SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN */
#define FLAGS_CLAMP	   0x60u /* SCHED_FLAG_UTIL_CLAMP_MIN and _MAX */
#define CLAMP_MAX	   1024u
#define CPU_WORDS	   128 /* 8192 processors: the kernel's greatest NR_CPUS */

#ifndef SCHED_EXT
#define SCHED_EXT 7 /* Linux 6.12 */
#endif
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE		   62
#define PR_SCHED_CORE_GET	   0
#define PR_SCHED_CORE_CREATE	   1
#define PR_SCHED_CORE_SHARE_TO	   2
#define PR_SCHED_CORE_SHARE_FROM   3
#define PR_SCHED_CORE_SCOPE_THREAD 0
#endif

/* struct sched_attr of Linux 5.3; the C library has none. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

struct cpus {
	uint64_t word[CPU_WORDS];
};

static bool is_fair(uint32_t policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH;
}

static int attr_get(pid_t tid, struct attr *ret)
{
	*ret = (struct attr){ .size = sizeof(*ret) };
	return syscall(SYS_sched_getattr, tid, ret, sizeof(*ret), 0) < 0 ? -errno : 0;
}

/* The nice value, which a thread has whatever its policy is; the call returns it without a sign. */
static int nice_of(pid_t tid)
{
	long ret = syscall(SYS_getpriority, PRIO_PROCESS, tid);

	return ret < 0 ? 0 : 20 - (int)ret;
}

static int cpus_get(pid_t tid, struct cpus *ret)
{
	*ret = (struct cpus){ 0 };
	return syscall(SYS_sched_getaffinity, tid, sizeof(*ret), ret) < 0 ? -errno : 0;
}

/* From the list in sysfs: "0-3,8". */
static bool read_online(struct cpus *ret)
{
	_cleanup_file_ FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	unsigned first, last;
	char sep = ',';
	int n;

	if (!f)
		return false;
	while (sep == ',' && (n = fscanf(f, "%u-%u", &first, &last)) >= 1) {
		if (n == 1)
			last = first;
		for (unsigned cpu = first; cpu <= last && cpu < CPU_WORDS * 64; cpu++)
			ret->word[cpu / 64] |= UINT64_C(1) << (cpu % 64);
		if (fscanf(f, "%c", &sep) != 1)
			break;
	}
	return true;
}

/* The processors that are online, asked once a run; NULL: nobody tells. */
static const struct cpus *cpus_online(void)
{
	static struct cpus online;
	static enum { NOT_ASKED, KNOWN, UNKNOWN } state;

	if (state == NOT_ASKED)
		state = read_online(&online) ? KNOWN : UNKNOWN;
	return state == KNOWN ? &online : NULL;
}

static bool cpus_contain(const struct cpus *all, const struct cpus *some)
{
	for (int i = 0; i < CPU_WORDS; i++)
		if (some->word[i] & ~all->word[i])
			return false;
	return true;
}

static bool cpus_empty(const struct cpus *c)
{
	return cpus_contain(&(const struct cpus){ 0 }, c);
}

/* --- dump ----------------------------------------------------------------------------------- */

static void fill_attr(struct dump_thread *th, const struct attr *attr)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	CrtoolsThreadEntry *e = th->extra;
	struct attr own;

	tc->has_sched_policy = tc->has_sched_nice = tc->has_sched_prio = true;
	tc->sched_policy = attr->policy |
			   (attr->flags & FLAG_RESET_ON_FORK ? RESET_ON_FORK_BIT : 0);
	tc->sched_nice = nice_of(th->stop->tid);
	tc->sched_prio = attr->priority;
	e->has_sched_flags = true;
	e->sched_flags = attr->flags;
	if (attr->policy == SCHED_DEADLINE) {
		e->has_sched_runtime = e->has_sched_deadline = e->has_sched_period = true;
		e->sched_runtime = attr->runtime;
		e->sched_deadline = attr->deadline;
		e->sched_period = attr->period;
	} else if (is_fair(attr->policy) && attr->runtime && attr_get(0, &own) == 0 &&
		   is_fair(own.policy) && own.runtime != attr->runtime) {
		e->has_sched_runtime = true;
		e->sched_runtime = attr->runtime;
	}
	/* Without CONFIG_UCLAMP_TASK both are 0; the defaults are 0 and the greatest. */
	if ((attr->util_min || attr->util_max) &&
	    (attr->util_min != 0 || attr->util_max != CLAMP_MAX)) {
		e->has_sched_util_min = e->has_sched_util_max = true;
		e->sched_util_min = attr->util_min;
		e->sched_util_max = attr->util_max;
	}
}

static void fill_affinity(struct dump_thread *th)
{
	const struct cpus *online = cpus_online();
	struct cpus cpus;

	if (!online || cpus_get(th->stop->tid, &cpus) < 0 || cpus_contain(&cpus, online))
		return;
	th->extra->n_affinity = CPU_WORDS;
	while (th->extra->n_affinity > 1 && !cpus.word[th->extra->n_affinity - 1])
		th->extra->n_affinity--;
	th->extra->affinity = arena_memdup(dump_arena(th->task->dump), &cpus,
					   th->extra->n_affinity * sizeof(uint64_t));
}

static int collect_thread(struct dump_thread *th)
{
	pid_t tid = th->stop->tid;
	uint64_t cookie = 0;
	struct attr attr;
	long ioprio;
	int ret = attr_get(tid, &attr);

	if (ret < 0)
		return err_set(dump_err(th->task->dump), ERR_KERNEL, -ret,
			       "can't read how thread %d is scheduled (sched_getattr)", th->vtid);
	fill_attr(th, &attr);
	fill_affinity(th);
	ioprio = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, tid);
	th->extra->has_ioprio = ioprio >= 0;
	th->extra->ioprio = ioprio;
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, tid, PR_SCHED_CORE_SCOPE_THREAD, &cookie) ==
		    0 &&
	    cookie) {
		th->extra->has_core_cookie = true;
		th->extra->core_cookie = cookie;
	}
	return 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static void wanted_attr(const struct restore_thread *th, struct attr *ret)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	const CrtoolsThreadEntry *e = th->extra;

	*ret = (struct attr){
		.size = sizeof(*ret),
		.policy = tc->sched_policy & ~RESET_ON_FORK_BIT,
		.flags = tc->sched_policy & RESET_ON_FORK_BIT ? FLAG_RESET_ON_FORK : 0,
		.nice = tc->sched_nice,
		.priority = tc->sched_prio,
	};
	if (!e)
		return;
	if (ret->policy == SCHED_DEADLINE)
		ret->flags |= e->sched_flags & FLAGS_DEADLINE;
	ret->runtime = e->sched_runtime;
	ret->deadline = e->sched_deadline;
	ret->period = e->sched_period;
	if (e->has_sched_util_min && e->has_sched_util_max) {
		ret->flags |= FLAGS_CLAMP;
		ret->util_min = e->sched_util_min;
		ret->util_max = e->sched_util_max;
	}
}

/* sched_setattr(2) with clamps fails on a kernel without them, whatever they are. */
static bool clamps_work(void)
{
	struct attr own;

	if (attr_get(0, &own) < 0 || !own.util_max)
		return false;
	return true;
}

/*
 * A value below the tool's own takes CAP_SYS_NICE in the first user namespace, or RLIMIT_NICE
 * (can_nice() in the kernel): it is tried out. The way back up is open to everybody.
 */
static bool may_have_nice(int want)
{
	int own = nice_of(0);

	if (want >= own)
		return true;
	if (setpriority(PRIO_PROCESS, 0, want) < 0)
		return false;
	setpriority(PRIO_PROCESS, 0, own);
	return true;
}

static void check_nice(struct restore_thread *th, int want)
{
	struct arena *a = restore_arena(th->task->r);

	if (may_have_nice(want))
		return;
	restored_refuse(
		th->task, arena_printf(a, "nice value of thread %d", th->vtid),
		arena_printf(a, "is %d; crtools has %d, and can't lower it without CAP_SYS_NICE",
			     want, nice_of(0)),
		arena_printf(
			a,
			"Run crtools restore with CAP_SYS_NICE, or raise the limit of the shell "
			"first (prlimit --pid $$ --nice=%d as root).",
			20 - want));
}

/* CRIU's format knows the policy alone, and the kernel takes none without its times. */
static void check_deadline(struct restore_thread *th)
{
	struct arena *a = restore_arena(th->task->r);

	if (th->extra && th->extra->has_sched_runtime)
		return;
	restored_refuse(th->task, arena_printf(a, "scheduling of thread %d", th->vtid),
			"is SCHED_DEADLINE, and the images do not have its times: CRIU saves none",
			"Dump it with crtools, or with another policy.");
}

static int check_attr(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	struct attr want;

	wanted_attr(th, &want);
	if (want.policy > 7 || want.priority > 99 || want.nice < -20 || want.nice > 19 ||
	    want.util_min > CLAMP_MAX || want.util_max > CLAMP_MAX)
		return image_bad(
			t, IMAGE_CORE, th->vtid,
			"thread %d has the scheduling policy %u, priority %u, nice value %d",
			th->vtid, want.policy, want.priority, want.nice);
	if (th->core->thread_core->has_sched_policy)
		check_nice(th, want.nice);
	if (want.policy == SCHED_DEADLINE)
		check_deadline(th);
	if (want.policy == SCHED_EXT)
		restored_need(t->r, t->vpid, FEATURE_SCHED_EXT,
			      arena_printf(restore_arena(t->r), "thread %d", th->vtid),
			      "has the scheduling policy SCHED_EXT, which this kernel has not");
	if (th->extra && th->extra->core_cookie)
		restored_need(t->r, t->vpid, FEATURE_SCHED_CORE,
			      arena_printf(restore_arena(t->r), "thread %d", th->vtid),
			      "has a core scheduling cookie, which this machine can't give");
	if ((want.flags & FLAGS_CLAMP) && !clamps_work())
		restored_warn(t, arena_printf(restore_arena(t->r), "thread %d", th->vtid),
			      "its utilisation clamps are left out: this kernel has none",
			      "Restore on a kernel with CONFIG_UCLAMP_TASK.");
	return 0;
}

/* What of the wanted processors there is here; false: the thread may run anywhere. */
static bool wanted_cpus(const struct restore_thread *th, struct cpus *ret, bool *ret_missing)
{
	const CrtoolsThreadEntry *e = th->extra;
	const struct cpus *online = cpus_online();

	*ret = (struct cpus){ 0 };
	*ret_missing = false;
	if (!online || !e || !e->n_affinity || e->n_affinity > CPU_WORDS)
		return false;
	memcpy(ret, e->affinity, e->n_affinity * sizeof(uint64_t));
	*ret_missing = !cpus_contain(online, ret);
	for (int i = 0; i < CPU_WORDS; i++)
		ret->word[i] &= online->word[i];
	return !cpus_empty(ret);
}

static int check(struct restore_task *t)
{
	int ret = 0;

	if (t->zombie || t->helper)
		return 0;
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		struct restore_thread *th = &t->threads[i];
		const char *object =
			arena_printf(restore_arena(t->r), "affinity of thread %d", th->vtid);
		struct cpus cpus;
		bool missing, some = wanted_cpus(th, &cpus, &missing);

		ret = check_attr(th);
		if (th->extra && th->extra->n_affinity > CPU_WORDS)
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "thread %d has %zu words of processors", th->vtid,
					 th->extra->n_affinity);
		if (missing && some)
			restored_warn(t, object,
				      "some of its processors do not exist here; they are left out",
				      "");
		else if (missing)
			restored_warn(t, object,
				      "none of its processors exists here; it may run on all", "");
	}
	return ret;
}

static void put_attr(struct restore_thread *th)
{
	struct program *p = th->prog;
	struct attr want, own;

	if (!th->core->thread_core->has_sched_policy)
		return;
	wanted_attr(th, &want);
	if ((want.flags & FLAGS_CLAMP) && !clamps_work()) {
		want.flags &= ~(uint64_t)FLAGS_CLAMP;
		want.util_min = want.util_max = 0;
	}
	if (attr_get(0, &own) == 0 && own.policy == want.policy && own.nice == want.nice &&
	    own.priority == want.priority && own.flags == want.flags && is_fair(want.policy) &&
	    (!want.runtime || own.runtime == want.runtime))
		return;
	/* Only the fair policies take it from the attributes. */
	if (!is_fair(want.policy) && want.nice != nice_of(0)) {
		program_note(p, "nice value of thread %d", th->vtid);
		program_do(p, SYS_setpriority, IMM(PRIO_PROCESS), IMM(0), IMM(want.nice));
	}
	program_note(p, "scheduling of thread %d (policy %u, priority %u, nice %d)", th->vtid,
		     want.policy, want.priority, want.nice);
	program_do(p, SYS_sched_setattr, IMM(0), AREA(area_put(p->area, &want, sizeof(want))),
		   IMM(0));
}

/* A thread that could run anywhere must not inherit where the tool was confined to. */
static void put_affinity(struct restore_thread *th)
{
	const struct cpus *online = cpus_online();
	struct program *p = th->prog;
	struct cpus want, own;
	bool missing;

	if (!wanted_cpus(th, &want, &missing)) {
		if (!th->extra || !online)
			return;
		want = *online;
	}
	if (cpus_get(0, &own) < 0 || !memcmp(&own, &want, sizeof(own)))
		return;
	program_note(p, "affinity of thread %d", th->vtid);
	program_do(p, SYS_sched_setaffinity, IMM(0), IMM(sizeof(want)),
		   AREA(area_put(p->area, &want, sizeof(want))));
}

static int emit_thread(struct restore_thread *th)
{
	const CrtoolsThreadEntry *e = th->extra;
	struct program *p = th->prog;
	long own = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	program_stage(p, STAGE_RIGHTS);
	if (e && e->has_ioprio && own >= 0 && e->ioprio != own) {
		program_note(p, "I/O priority of thread %d", th->vtid);
		program_do(p, SYS_ioprio_set, IMM(IOPRIO_WHO_PROCESS), IMM(0), IMM(e->ioprio));
	}
	/* Processors first: the kernel refuses to confine a deadline thread. */
	put_affinity(th);
	put_attr(th);
	return 0;
}

/* --- core scheduling ------------------------------------------------------------------------- */

/* In a process of its own, because the calling thread's own cookie serves as the messenger. */
static int share_cookies(struct restore *r, pid_t (*real_tid)(const struct restore_thread *))
{
	struct hash made = { 0 }; /* old cookie -> the thread that has the new one */

	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t k = 0; k < r->tasks[i]->n_threads; k++) {
			struct restore_thread *th = &r->tasks[i]->threads[k], *first;
			uint64_t cookie = th->extra ? th->extra->core_cookie : 0;

			if (!cookie)
				continue;
			first = hash_get(&made, cookie);
			if (!first) {
				hash_put(&made, cookie, th);
				if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, real_tid(th),
					  PR_SCHED_CORE_SCOPE_THREAD, 0) < 0)
					return errno;
				continue;
			}
			if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM, real_tid(first),
				  PR_SCHED_CORE_SCOPE_THREAD, 0) < 0 ||
			    prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_TO, real_tid(th),
				  PR_SCHED_CORE_SCOPE_THREAD, 0) < 0)
				return errno;
		}
	return 0;
}

static bool any_cookie(const struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t k = 0; k < r->tasks[i]->n_threads; k++)
			if (r->tasks[i]->threads[k].extra &&
			    r->tasks[i]->threads[k].extra->core_cookie)
				return true;
	return false;
}

int sched_finish(struct restore *r, pid_t (*real_tid)(const struct restore_thread *th))
{
	unsigned int seconds = r->s->opts->timeout;
	int status, ret;
	pid_t pid;

	if (!any_cookie(r))
		return 0;
	pid = fork();
	if (pid < 0)
		return err_sys(restore_err(r), "fork", "can't make a process for core scheduling");
	if (!pid) {
		fault_hold("helper-cookies");
		_exit(share_cookies(r, real_tid));
	}
	ret = child_wait(pid, child_limit(seconds), &status);
	if (ret == -ETIMEDOUT) {
		child_kill(pid);
		return err_set(restore_err(r), ERR_TIMEOUT, ETIMEDOUT,
			       "process %d of crtools, which gives core scheduling cookies again, "
			       "has not come to an end within %u s (is it stopped?)",
			       pid, seconds);
	}
	if (ret < 0)
		return err_set(restore_err(r), ERR_KERNEL, -ret,
			       "can't wait for a process of our own");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_set(
		restore_err(r), ERR_KERNEL, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR,
		"core scheduling cookies can't be given again (prctl PR_SCHED_CORE; the kernel "
		"needs CONFIG_SCHED_CORE, the machine SMT)");
}

const struct state_class sched_state = {
	.name = "scheduling",
	.collect_thread = collect_thread,
	.check = check,
	.emit_thread = emit_thread,
};
