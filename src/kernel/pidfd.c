/* SPDX-License-Identifier: Apache-2.0 */
/* See pidfd.h. A pidfd names the process itself: its number may be used again meanwhile. */
#include "kernel/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
#define PIDFD_THREAD_FLAG O_EXCL /* PIDFD_THREAD, Linux 6.9 */

static int open_with(pid_t pid, unsigned int flags, struct err *err)
{
	int fd = syscall(SYS_pidfd_open, pid, flags);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "there is no task %d", pid);
	return err_add_pid(err, pid, err_sys(err, "pidfd_open", "opening task %d", pid));
}

int pidfd_open_pid(pid_t pid, struct err *err)
{
	return open_with(pid, 0, err);
}

int pidfd_open_thread(pid_t tid, struct err *err)
{
	return open_with(tid, PIDFD_THREAD_FLAG, err);
}

int pidfd_signal(int pidfd, int signo, siginfo_t *info, struct err *err)
{
	if (!syscall(SYS_pidfd_send_signal, pidfd, signo, info, 0))
		return 0;
	if (errno == ESRCH)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "the task has ended (signal %d)",
			       signo);
	return err_sys(err, "pidfd_send_signal", "sending signal %d", signo);
}

void pidfd_release_memory(int pidfd)
{
	syscall(SYS_process_mrelease, pidfd, 0);
}

int pidfd_get(int pidfd, int fd, struct err *err)
{
	int got = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (got < 0 && pidfd < 0 && syscall(SYS_pidfd_open, getpid(), 0) < 0)
		return err_sys(err, "pidfd_open", "copying descriptor %d of a task", fd);
	if (got >= 0)
		return got;
	if (errno == ESRCH)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "the task has ended (descriptor %d)",
			       fd);
	return err_sys(err, "pidfd_getfd", "copying descriptor %d of a task", fd);
}

int pidfd_get_or_reopen(int pidfd, const struct proc *p, int fd, int flags, bool *ret_same,
			struct err *err)
{
	char name[24];
	int got = pidfd >= 0 ? pidfd_get(pidfd, fd, NULL) : -ENOSYS;

	*ret_same = got >= 0;
	/* Refused by the kernel's age, a filter around us, or a security module. */
	if (got >= 0 || (got != -ENOSYS && got != -EPERM && got != -EACCES))
		return got >= 0 ? got : pidfd_get(pidfd, fd, err);
	snprintf(name, sizeof(name), "fd/%d", fd);
	return proc_openat(p, name, flags | O_NONBLOCK, err);
}

bool pidfd_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLIN | POLLHUP);
}
