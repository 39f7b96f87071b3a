/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock domains (Linux 5.13). A domain can't be read, nor can it be seen that a thread is in
 * one; a restored thread would be free of it. So threads that could be in one are tried, by a rule
 * that every domain enforces (security/landlock/ptrace.c): who is inside may not examine a process
 * that is outside of it. The thread, led by the agent, asks kcmp(2) about a process that it may
 * examine by all other rules: the tool, or a twin that the tool makes with the thread's user and
 * group, without capabilities, in its user and pid namespace. EPERM tells the domain.
 *
 * Only who has no_new_privs or CAP_SYS_ADMIN can enter a domain; neither is given up by most.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "kernel/child.h"
#include "kernel/proc/task.h"
#include "objects/registry.h"
#include "objects/security/security.h"

/* Whom a thread may examine, and so with whom it can be tried. */
struct kind {
	uint32_t userns, pidns;
	uint32_t uid, gid; /* real ids, as the tool sees them */
};

struct twin {
	struct kind kind;
	pid_t pid;  /* as the tool sees it; 0: none could be made */
	pid_t vpid; /* as the thread sees it */
	pid_t late; /* who was to make it, and did not in time */
	struct twin *next;
};

struct trial {
	bool done;
	call_id call;
};

static bool landlock_active(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* --- twins ---------------------------------------------------------------------------------- */

/* An id as the process' own user namespace has it, by /proc/PID/uid_map or gid_map. */
static bool map_id(const struct proc *proc, const char *name, uint32_t id, uint32_t *ret)
{
	unsigned int inside, outside, count;
	char *text, *line;
	size_t len;
	int used;

	if (proc_read(proc, name, &text, &len, NULL) < 0)
		return false;
	for (line = text; sscanf(line, "%u %u %u%n", &inside, &outside, &count, &used) == 3;
	     line += used)
		if (id >= outside && id - outside < count) {
			*ret = inside + (id - outside);
			return true;
		}
	return false;
}

/* What the makers of a twin say: its id as the tool sees it, or as it sees itself. */
struct word {
	pid_t pid;
	int own;
};

static bool say(int out, pid_t pid, bool own)
{
	struct word word = { pid, own };

	return write(out, &word, sizeof(word)) == sizeof(word);
}

/* The twin itself: tells its id, and is there until it is killed. */
static _Noreturn void twin_main(const struct kind *as, int out)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (syscall(SYS_setresgid, as->gid, as->gid, as->gid) < 0 ||
	    syscall(SYS_setresuid, as->uid, as->uid, as->uid) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!say(out, getpid(), true))
		_exit(1);
	close(out);
	for (;;)
		pause();
}

/* A child enters the namespaces; its child, which becomes the tool's, is born in them. */
static _Noreturn void middle_main(int pidfd, int flags, const struct kind *as, int out)
{
	pid_t pid;

	fault_hold("helper-landlock");
	if (flags && syscall(SYS_setns, pidfd, flags) < 0)
		_exit(1);
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid)
		twin_main(as, out);
	_exit(pid < 0 || !say(out, pid, false));
}

static void twin_start(struct twin *twin, int pidfd, int flags, const struct kind *as,
		       unsigned int seconds)
{
	uint64_t until = child_limit(seconds);
	struct word word;
	pid_t middle;
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		return;
	middle = fork();
	if (!middle)
		middle_main(pidfd, flags, as, out[1]);
	close(out[1]);
	/* Two words, in either order; fewer if something fails. */
	for (int i = 0; middle > 0 && i < 2 && child_wait_readable(out[0], until) == 0 &&
			read(out[0], &word, sizeof(word)) == sizeof(word);
	     i++)
		*(word.own ? &twin->vpid : &twin->pid) = word.pid;
	close(out[0]);
	if (middle > 0 && child_wait(middle, until, NULL) == -ETIMEDOUT) {
		child_kill(middle);
		twin->late = middle;
	}
}

static void end_twins(void *data)
{
	struct dump *d = data;

	for (struct twin *twin = d->priv[SLOT_LANDLOCK]; twin; twin = twin->next) {
		if (twin->pid <= 0)
			continue;
		child_kill(twin->pid);
		twin->pid = 0;
	}
}

static struct twin *twin_of(struct dump_task *t, const struct kind *kind, const struct proc_ns *own)
{
	struct dump *d = t->dump;
	struct twin *twin;
	struct kind as = *kind;
	int flags = (kind->userns != own->ino[NS_USER] ? CLONE_NEWUSER : 0) |
		    (kind->pidns != own->ino[NS_PID] ? CLONE_NEWPID : 0);

	for (twin = d->priv[SLOT_LANDLOCK]; twin; twin = twin->next)
		if (!memcmp(&twin->kind, kind, sizeof(*kind)))
			return twin;
	if (!d->priv[SLOT_LANDLOCK])
		undo_push(&d->s->undo, end_twins, d);
	twin = arena_new(dump_arena(d), struct twin);
	*twin = (struct twin){ .kind = *kind, .next = d->priv[SLOT_LANDLOCK] };
	d->priv[SLOT_LANDLOCK] = twin;
	if (!(flags & CLONE_NEWUSER) || (map_id(&t->stop->proc, "uid_map", kind->uid, &as.uid) &&
					 map_id(&t->stop->proc, "gid_map", kind->gid, &as.gid)))
		twin_start(twin, t->stop->pidfd, flags, &as, d->s->opts->timeout);
	return twin;
}

/* --- the trial ------------------------------------------------------------------------------ */

static bool could_be_inside(const struct proc_status *s)
{
	return s->no_new_privs || (s->cap_prm & (1u << CAP_SYS_ADMIN));
}

/* The id, as the thread sees it, of a process that it may examine; 0: there is none. */
static int find_target(struct dump_thread *th, pid_t *ret)
{
	struct dump_task *t = th->task;
	const struct twin *twin;
	const struct proc_ns *own = &t->dump->own_ns, *its = &t->ns;
	struct kind kind = { .uid = th->status->uid[0], .gid = th->status->gid[0] };

	if (own->ino[NS_USER] == its->ino[NS_USER] && own->ino[NS_PID] == its->ino[NS_PID] &&
	    (th->status->cap_eff & (1u << CAP_SYS_PTRACE)))
		return *ret = getpid(), 0;
	kind.userns = its->ino[NS_USER];
	kind.pidns = its->ino[NS_PID];
	twin = twin_of(t, &kind, own);
	*ret = twin->vpid;
	if (!twin->late)
		return 0;
	return err_set(dump_err(t->dump), ERR_TIMEOUT, ETIMEDOUT,
		       "process %d of crtools, which finds out whether thread %d is in a landlock "
		       "domain, has not come so far within %u s (is it stopped?)",
		       twin->late, th->vtid, t->dump->s->opts->timeout);
}

static int collect_thread(struct dump_thread *th)
{
	struct trial *trial = arena_new(dump_arena(th->task->dump), struct trial);
	pid_t target;
	int ret;

	th->priv[SLOT_LANDLOCK] = trial;
	if (!could_be_inside(th->status) || !landlock_active())
		return 0;
	ret = find_target(th, &target);
	if (ret < 0 || !target)
		return ret;
	trial->done = true;
	trial->call = program_call(th->prog, SYS_kcmp, IMM(target), IMM(target), IMM(KCMP_VM),
				   IMM(0), IMM(0));
	return 0;
}

static bool is_last(const struct dump_task *t)
{
	const struct dump *d = t->dump;
	size_t i = d->n_tasks;

	while (i > 0 && d->tasks[i - 1]->zombie)
		i--;
	return i > 0 && d->tasks[i - 1] == t;
}

static int absorb(struct dump_task *t)
{
	if (is_last(t))
		end_twins(t->dump);
	return 0;
}

static int absorb_thread(struct dump_thread *th)
{
	const struct trial *trial = state_priv(th, SLOT_LANDLOCK, struct trial);
	const char *name = arena_printf(dump_arena(th->task->dump), "thread %d", th->vtid);

	if (!trial->done || program_result(th->prog, trial->call) != -EPERM)
		return 0;
	/* A module that confines the thread may have its own reasons. */
	if (lsm_confines(th))
		task_warn(th->task, name, "may be in a landlock domain, which would be lost", "");
	else
		task_refuse(th->task, name,
			    "is in a landlock domain, which can't be read: it would be "
			    "free of its restrictions after a restore",
			    "");
	return 0;
}

const struct state_class landlock_state = {
	.name = "landlock domain",
	.collect_thread = collect_thread,
	.absorb = absorb,
	.absorb_thread = absorb_thread,
};
