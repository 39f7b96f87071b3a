/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner of an open file description: the process, thread or group that gets SIGIO (fcntl(2)
 * F_SETOWN_EX), the signal that it gets instead (F_SETSIG), and the uids with which the owner was
 * set, which the kernel holds against the receiver's when it sends (sigio_perm() in fs/fcntl.c).
 *
 * Kept: all of it, if the owner is in the tree. The kernel records the caller's uids at F_SETOWN,
 * so the restoring task takes them on for that call; F_GETOWNER_UIDS (CONFIG_CHECKPOINT_RESTORE)
 * reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "kernel/pidfd.h"
#include "objects/fown.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

#define SIGNALS_MAX 64

const char *probe_object(const struct file_probe *p)
{
	struct arena *a = dump_arena(p->task->dump);
	const char *gone = p->link.deleted ? ", deleted" : "";

	if (p->fd < 0)
		return arena_printf(a, "%s (%s%s)", p->magic, p->link.path, gone);
	return arena_printf(a, "descriptor %d (%s%s)", p->fd, p->link.path, gone);
}

int probe_local(const struct file_probe *p)
{
	struct file_probe *own = (struct file_probe *)p;

	if (own->local >= 0 || own->lost < 0 || own->fd < 0)
		return own->local;
	own->local = pidfd_get(own->task->stop->pidfd, own->fd, dump_err(own->task->dump));
	if (own->local >= 0)
		return own->local;
	own->lost = own->local;
	return own->local = -1;
}

/* The id in the tree of who is meant; 0: not in the tree. *ret_thread: a thread that is no leader. */
static pid_t tree_id(const struct dump *d, const struct f_owner_ex *owner, bool *ret_thread)
{
	*ret_thread = false;
	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		if (owner->type == F_OWNER_PGRP) {
			if (t->stat.pgrp == owner->pid)
				return t->pstree->pgid;
			continue;
		}
		if (t->stop->pid == owner->pid)
			return t->vpid;
		for (size_t k = 1; k < t->n_threads; k++) {
			if (t->threads[k].stop->tid == owner->pid) {
				*ret_thread = true;
				return t->threads[k].vtid;
			}
		}
	}
	return 0;
}

static void collect_owner(struct dump *d, const struct file_probe *p,
			  const struct f_owner_ex *owner, FownEntry *e)
{
	uid_t uids[2];
	bool thread;
	pid_t id = tree_id(d, owner, &thread);

	if (!id || thread) {
		task_warn(
			p->task, probe_object(p),
			arena_printf(
				dump_arena(d),
				thread ? "its signals go to the thread %d; after the restore they go to nobody"
				       : "its signals go to %d, which is not in the tree; after the restore they go to nobody",
				owner->pid),
			"set the owner (F_SETOWN) anew after the restore");
		return;
	}
	if (fcntl(probe_local(p), F_GETOWNER_UIDS, uids) < 0) {
		/* No such call in this kernel: the task's own are the best guess. */
		uids[0] = p->task->status->uid[0];
		uids[1] = p->task->status->uid[1];
	}
	e->pid_type = owner->type;
	e->pid = id;
	e->uid = uids[0];
	e->euid = uids[1];
}

int fown_collect(struct dump *d, const struct file_probe *p, FownEntry **ret)
{
	FownEntry *e = arena_msg(dump_arena(d), FownEntry, fown_entry);

	*ret = e;
	if (!p->asked)
		return 0;
	e->signum = p->signal;
	if (p->owner.pid)
		collect_owner(d, p, &p->owner, e);
	return 0;
}

static bool in_tree(const struct restore *r, const FownEntry *e)
{
	if (e->pid_type != F_OWNER_PGRP)
		return hash_get(&r->task_by_pid, e->pid) != NULL;
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i]->pstree->pgid == e->pid)
			return true;
	return false;
}

void fown_check(struct restore *r, struct restore_file *f, const FownEntry *e, const char *object)
{
	pid_t pid = f->owner ? f->owner->vpid : 0;

	if (!e)
		return;
	if (e->signum > SIGNALS_MAX || e->pid_type > F_OWNER_PGRP || e->pid > INT32_MAX)
		report_refuse(&r->s->report, pid, object, "its owner in files.img makes no sense",
			      "");
	else if (e->pid && !in_tree(r, e))
		report_warn(
			&r->s->report, pid, object,
			arena_printf(
				restore_arena(r),
				"its signals went to %u, which is not in the tree; now they go to nobody",
				e->pid),
			"");
}

static int set_uids(uid_t real, uid_t effective)
{
	/* Of this thread only, not by the C library for all; the saved uid 0 is the way back. */
	return syscall(SYS_setresuid, real, effective, -1);
}

static int set_owner(const FownEntry *e, int fd)
{
	struct f_owner_ex owner = { .type = e->pid_type, .pid = e->pid };
	uid_t real = getuid(), effective = geteuid();
	bool switched = e->uid != real || e->euid != effective;
	int ret, dumpable = 0;

	if (switched) {
		dumpable = prctl(PR_GET_DUMPABLE);
		if (set_uids(e->uid, e->euid) < 0)
			return -errno;
	}
	ret = fcntl(fd, F_SETOWN_EX, &owner) < 0 ? -errno : 0;
	if (switched) {
		if (set_uids(real, effective) < 0)
			return -errno;
		if (dumpable == 1) /* commit_creds() has cleared it */
			prctl(PR_SET_DUMPABLE, 1);
	}
	return ret;
}

/* The number that the tree knows the description by: of the owner if it has it, else of anybody. */
static int number_of(const struct restore_task *t, const struct restore_file *f)
{
	int found = -1;

	for (size_t i = 0; i <= t->r->n_tasks; i++) {
		const struct restore_task *who = i ? t->r->tasks[i - 1] : t;

		for (size_t k = 0; found < 0 && who->table && k < who->table->n_fds; k++)
			if (who->table->fds[k].file == f)
				found = who->table->fds[k].e->fd;
		if (found >= 0)
			break;
	}
	return found;
}

int number_borrow(int fd, int number, struct number_loan *ret_loan)
{
	struct number_loan loan = { .number = number, .saved = -1 };

	if (fd != number) {
		loan.saved_flags = fcntl(number, F_GETFD);
		if (loan.saved_flags >= 0) {
			loan.saved = fcntl(number, F_DUPFD_CLOEXEC, 0);
			if (loan.saved < 0)
				return -errno;
		}
		if (dup3(fd, number, O_CLOEXEC) < 0) {
			int num = errno;

			close_fd(&loan.saved);
			return -num;
		}
	} else {
		loan.number = -1;
	}
	*ret_loan = loan;
	return 0;
}

int number_return(const struct number_loan *loan)
{
	int saved = loan->saved, ret = 0;

	if (loan->number < 0)
		return 0;
	if (saved < 0)
		return close(loan->number) < 0 ? -errno : 0;
	if (dup3(saved, loan->number, loan->saved_flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		ret = -errno;
	close_fd(&saved);
	return ret;
}

/*
 * The kernel remembers the number through which O_ASYNC was turned on, and gives it to the program
 * in si_fd (struct fasync_struct, fa_fd): so that is done through the final one.
 */
static int set_async(struct restore_task *t, const struct restore_file *f, int fd)
{
	int number = number_of(t, f), flags = fcntl(fd, F_GETFL), ret;
	struct number_loan loan;

	if (number < 0)
		number = fd;
	ret = flags < 0 ? -errno : number_borrow(fd, number, &loan);
	if (ret == 0) {
		int back;

		ret = fcntl(number, F_SETFL, flags | O_ASYNC) < 0 ? -errno : 0;
		back = number_return(&loan);
		if (ret == 0)
			ret = back;
	}
	errno = -ret;
	return ret < 0 ? err_sys(restore_err(t->r), "fcntl",
				 "can't turn on O_ASYNC for descriptor %d", number)
		       : 0;
}

int fown_attach(struct restore_task *t, const struct restore_file *f, const FownEntry *e,
		uint32_t flags, int fd)
{
	struct err *err = restore_err(t->r);
	int ret;

	if (flags & O_PATH || !e)
		return 0;
	if (e->signum && fcntl(fd, F_SETSIG, (int)e->signum) < 0)
		return err_sys(err, "fcntl", "can't make %u the signal of a descriptor", e->signum);
	if (e->pid && in_tree(t->r, e)) {
		ret = set_owner(e, fd);
		if (ret < 0) {
			errno = -ret;
			return err_sys(
				err, "fcntl",
				"can't make %u (set by uid %u) the owner of a descriptor's signals",
				e->pid, e->euid);
		}
	}
	return flags & O_ASYNC ? set_async(t, f, fd) : 0;
}
