/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer credentials (SO_PEERCRED) are those of the process that called listen(2), connect(2) or
 * socketpair(2), at that time: its process id, its effective ids, its groups. Another process can't
 * give them, so the call is made by a process with that very id: the task itself, or a child that
 * has the id for a moment, as long as the task that is to have it is not born yet. (So the sockets
 * are opened by a task above of it, before it forks.) It shares the descriptors of its maker.
 *
 * The id is then the same number, not the same process: SO_PEERPIDFD says that it has ended.
 */
#include <errno.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "kernel/child.h"
#include "objects/socket/unix/unix.h"

void unix_creds_check(struct restore *r, struct unix_in *u, const CrtoolsCredentials *c)
{
	struct restore_task *t = hash_get(&r->task_by_pid, c->pid);

	if (t && !t->helper)
		restore_open_before(r, u->file, t);
	else if (c->pid > INT32_MAX || c->pid == 0)
		report_refuse(&r->s->report, 0, u->object,
			      "the process id of its peer in crtools-files.img is none", "");
	else if (kill(c->pid, 0) == 0 || errno != ESRCH)
		report_warn(&r->s->report, 0, u->object,
			    arena_printf(restore_arena(r),
					 "its peer was process %u, whose id another one has now: "
					 "SO_PEERCRED shows the id of the task that restores it",
					 c->pid),
			    "");
}

static bool is_self(const CrtoolsCredentials *c)
{
	return c->uid == geteuid() && c->gid == getegid();
}

/* Of this thread only; the C library would do it for all. The real and saved ids are the way back. */
static int take_ids(uid_t uid, gid_t gid, size_t n_groups, const uint32_t *groups)
{
	if (syscall(SYS_setgroups, n_groups, groups) < 0 && errno != EPERM)
		return -errno;
	if (syscall(SYS_setresgid, -1, gid, -1) < 0 || syscall(SYS_setresuid, -1, uid, -1) < 0)
		return -errno;
	/* commit_creds() has cleared it, and with it went /proc/self/fd, by which sockets are
	 * found. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

static int call_with_ids(const CrtoolsCredentials *c, unix_call call, void *arg)
{
	uid_t uid = geteuid();
	gid_t gid = getegid(), groups[256];
	int n = getgroups(256, groups), dumpable = prctl(PR_GET_DUMPABLE);
	int ret = take_ids(c->uid, c->gid, c->n_group, c->group), back;

	if (ret == 0)
		ret = call(arg);
	/* The uid first: with it come the rights for the rest. */
	back = syscall(SYS_setresuid, -1, uid, -1) < 0 ? -errno : 0;
	if (back == 0)
		back = take_ids(uid, gid, n < 0 ? 0 : n, groups);
	if (dumpable != 1)
		prctl(PR_SET_DUMPABLE, dumpable);
	return ret < 0 ? ret : back;
}

static int run_in_child(struct restore_task *t, const CrtoolsCredentials *c, unix_call call,
			void *arg, bool *ret_taken)
{
	unsigned int seconds = t->r->s->opts->timeout;
	pid_t pid = c->pid, got;
	struct clone_args args = {
		.flags = CLONE_FILES | CLONE_FS,
		.set_tid = (uint64_t)&pid,
		.set_tid_size = 1,
	};
	int status, end;

	got = syscall(SYS_clone3, &args, sizeof(args));
	if (got == 0) {
		fault_hold("helper-credentials");
		int ret = is_self(c) ? 0 : take_ids(c->uid, c->gid, c->n_group, c->group);

		_exit(-(ret < 0 ? ret : call(arg)));
	}
	*ret_taken = got < 0 && errno == EEXIST;
	if (got < 0)
		return -errno;
	end = child_wait(got, child_limit(seconds), &status);
	if (end == -ETIMEDOUT) {
		child_kill(got);
		return err_set(
			restore_err(t->r), ERR_TIMEOUT, ETIMEDOUT,
			"process %d of crtools, which makes a unix socket in the name of one "
			"that had this id, has not come to an end within %u s (is it stopped?)",
			got, seconds);
	}
	if (end < 0)
		return end;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* The child has memory of its own: what the call gives comes back in a page that both have. */
static int call_in_child(struct restore_task *t, const CrtoolsCredentials *c, unix_call call,
			 void *arg, size_t size, bool *ret_taken)
{
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (shared == MAP_FAILED)
		return -errno;
	memcpy(shared, arg, size);
	ret = run_in_child(t, c, call, shared, ret_taken);
	memcpy(arg, shared, size);
	munmap(shared, size);
	return ret;
}

int unix_call_as(struct restore_task *t, const CrtoolsCredentials *c, unix_call call, void *arg,
		 size_t size)
{
	bool taken = false;
	int ret;

	if (!c || ((pid_t)c->pid == t->vpid && is_self(c)))
		return call(arg);
	if ((pid_t)c->pid == t->vpid)
		return call_with_ids(c, call, arg);
	ret = call_in_child(t, c, call, arg, size, &taken);
	if (!taken)
		return ret;
	log_debug("process %u lives: its call is made by %d", c->pid, t->vpid);
	return call_with_ids(c, call, arg);
}
