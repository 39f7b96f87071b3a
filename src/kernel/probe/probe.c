/* SPDX-License-Identifier: Apache-2.0 */
/* See probe.h. */
#include "kernel/probe/probe.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "kernel/child.h"

#define SECONDS 10 /* a probe takes less than a thousandth of that */

/* fork(2) without an exit signal: the parent gets no SIGCHLD, and has to wait with __WALL. */
static pid_t fork_quietly(void)
{
	return syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

/* In a child of the tool, for one of its own: the tool waits for no longer than SECONDS. */
static int wait_for(pid_t pid, int *status)
{
	pid_t got;

	do
		got = waitpid(pid, status, __WALL);
	while (got < 0 && errno == EINTR);
	return got == pid ? 0 : errno;
}

/* One that does not end in time is killed: what it was to find out stays unknown. */
static int wait_for_end(pid_t pid, int *status)
{
	int ret = child_wait(pid, child_limit(SECONDS), status);

	if (ret == -ETIMEDOUT)
		child_kill(pid);
	return -ret;
}

int probe_in_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork_quietly();
	int status, e;

	if (pid < 0)
		return errno;
	if (!pid) { /* with the tool's handlers still in place, which must not run here */
		signal(SIGCHLD, SIG_DFL);
		fault_hold("helper-probe");
		_exit(fn(arg));
	}
	e = wait_for_end(pid, &status);
	if (e)
		return e;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPROTO;
}

static _Noreturn void tracee_main(int (*setup)(void), int ready)
{
	char e;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	e = setup ? setup() : 0;
	if (write(ready, &e, 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

static int seize(pid_t pid)
{
	int status, e;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return errno;
	e = wait_for(pid, &status);
	return e ? e : WIFSTOPPED(status) ? 0 : EPROTO;
}

struct tracing {
	int (*setup)(void);
	int (*fn)(pid_t pid);
};

static int trace_child(void *arg)
{
	const struct tracing *t = arg;
	int pipefd[2], e = EPROTO;
	char child_e = 0;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return errno;
	pid = fork_quietly();
	if (pid < 0)
		return errno;
	if (!pid)
		tracee_main(t->setup, pipefd[1]);
	close(pipefd[1]);
	if (read(pipefd[0], &child_e, 1) == 1)
		e = child_e ? child_e : seize(pid);
	if (!e && t->fn)
		e = t->fn(pid);
	kill(pid, SIGKILL);
	wait_for(pid, &(int){ 0 });
	return e;
}

/* From a child of its own: a tracer gets a SIGCHLD for every stop. */
int probe_tracee(int (*setup)(void), int (*fn)(pid_t pid))
{
	struct tracing t = { .setup = setup, .fn = fn };

	return probe_in_child(trace_child, &t);
}

int probe_kernel(int major, int minor)
{
	struct utsname uts;
	int a = 0, b = 0;

	if (uname(&uts) || sscanf(uts.release, "%d.%d", &a, &b) != 2)
		return EPROTO;
	return a > major || (a == major && b >= minor) ? 0 : ENOSYS;
}

int probe_program(const char *name)
{
	const char *path = getenv("PATH");
	char dirs[4096], *save = NULL;

	snprintf(dirs, sizeof(dirs), "%s:/usr/sbin:/sbin:/usr/local/sbin", path ? path : "");
	for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		char file[PATH_MAX];

		if (snprintf(file, sizeof(file), "%s/%s", dir, name) < (int)sizeof(file) &&
		    !access(file, X_OK))
			return 0;
	}
	return ENOENT;
}

int probe_open(const char *path, int flags)
{
	_cleanup_fd_ int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? errno : 0;
}
