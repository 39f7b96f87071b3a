/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See root.h. /proc/TID exists for every thread, so an id alone does not tell a process from a
 * thread; pidfd_open(2) without PIDFD_THREAD takes processes only.
 */
#include "task/root.h"

#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "kernel/pidfd.h"
#include "kernel/proc/stat.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

static int refuse_thread(const struct proc *p, pid_t tid, struct err *err)
{
	struct arena a = { 0 };
	struct proc_status status;
	int ret = proc_status(p, &a, &status, err);

	arena_free(&a);
	if (ret < 0 || status.tgid == tid)
		return ret;
	return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
		       "%d is a thread of process %d, and only whole processes can be taken; give "
		       "-t %d",
		       tid, status.tgid, status.tgid);
}

int root_check(pid_t pid, struct proc_buf *buf, struct err *err)
{
	_cleanup_fd_ int fd = pidfd_open_pid(pid, NULL);
	struct proc proc = PROC_INIT;
	struct proc_stat stat;
	int ret = proc_open(&proc, pid, buf, err);

	if (ret == 0)
		ret = proc_stat(&proc, &stat, err);
	if (ret == 0 && stat.flags & PF_KTHREAD)
		ret = err_set(err, ERR_REFUSED, EOPNOTSUPP,
			      "%d is a thread of the kernel (%s), which has nothing to save", pid,
			      stat.comm);
	else if (ret == 0 && fd < 0)
		ret = refuse_thread(&proc, pid, err);
	proc_close(&proc);
	return ret;
}

static int stat_of(pid_t pid, struct proc_buf *buf, struct proc_stat *ret_stat)
{
	struct proc proc = PROC_INIT;
	int ret = proc_open(&proc, pid, buf, NULL);

	if (ret == 0)
		ret = proc_stat(&proc, ret_stat, NULL);
	proc_close(&proc);
	return ret;
}

/* Processes are followed up to one that is older than the root, and so is none of its descendants:
 * whoever takes in an orphan is an ancestor of it, too. Or to where this pid namespace ends. */
int root_check_ourselves(pid_t root, struct proc_buf *buf, struct err *err)
{
	struct proc_stat of_root, stat = { .ppid = getppid() };
	bool inside = root == getpid();

	if (!inside && stat_of(root, buf, &of_root) < 0)
		return 0;
	while (!inside && stat.ppid > 0) {
		inside = stat.ppid == root;
		if (inside || stat_of(stat.ppid, buf, &stat) < 0 ||
		    stat.starttime < of_root.starttime)
			break;
	}
	if (inside)
		return err_set(err, ERR_REFUSED, EDEADLK,
			       "crtools itself runs inside of the tree of process %d, "
			       "which can't be dumped from within; start it outside of that tree",
			       root);
	return 0;
}
