/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into a queue behind its first message takes SO_PEEK_OFF, a number in the socket itself
 * that has to be put back. Should the tool be killed meanwhile, it would stay: so that is done by
 * a child that shares the tool's memory and descriptors, and ends by itself.
 */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "objects/socket/socket.h"

#define STACK_SIZE (64u << 10)

int socket_run_apart(struct dump *d, int (*run)(void *), void *data)
{
	char *stack = arena_alloc(dump_arena(d), STACK_SIZE);
	siginfo_t info;
	pid_t pid;

	pid = clone(run, stack + STACK_SIZE, CLONE_VM | CLONE_FILES | CLONE_VFORK, data);
	if (pid < 0)
		return err_sys(dump_err(d), "clone", "can't start a helper to look into queues");
	while (waitid(P_PID, pid, &info, WEXITED | __WALL) < 0)
		if (errno != EINTR)
			return err_sys(dump_err(d), "waitid", "can't wait for a helper");
	if (info.si_code != CLD_EXITED)
		return err_set(dump_err(d), ERR_TASK_CHANGED, EINTR,
			       "the helper that looks into queues was killed");
	return 0;
}

int socket_set_peek_off(int fd, int off)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) < 0 ? -errno : 0;
}
