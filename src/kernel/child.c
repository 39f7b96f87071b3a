/* SPDX-License-Identifier: Apache-2.0 */
/* See child.h. Where a seccomp filter forbids pidfd_open, the wait becomes looks in between. */
#include "kernel/child.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "kernel/pidfd.h"

#define SECOND	  UINT64_C(1000000000)
#define LOOK_MS	  1
#define A_KILL_IS 2 /* seconds: longer than that the kernel takes only if something is wrong */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

uint64_t child_limit(unsigned int seconds)
{
	return seconds ? now_ns() + seconds * SECOND : 0;
}

uint64_t child_limit_ms(unsigned int ms)
{
	return now_ns() + ms * UINT64_C(1000000);
}

/* fd -1: a moment. Negative: the time is up. */
static int wait_a_while(int fd, uint64_t until)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };
	uint64_t now = now_ns(), ms;

	if (now >= until)
		return -ETIMEDOUT;
	ms = (until - now) / 1000000 + 1;
	if (fd < 0)
		ms = LOOK_MS;
	return poll(&look, 1, ms < INT_MAX ? ms : INT_MAX) > 0;
}

int child_wait(pid_t pid, uint64_t until, int *ret_status)
{
	_cleanup_fd_ int pidfd = until ? pidfd_open_pid(pid, NULL) : -1;

	for (;;) {
		int status;
		pid_t got = waitpid(pid, &status, __WALL | (until ? WNOHANG : 0));

		if (got == pid) {
			if (ret_status)
				*ret_status = status;
			return 0;
		}
		if (got < 0 && errno != EINTR)
			return -errno;
		if (until && wait_a_while(pidfd, until) < 0)
			return -ETIMEDOUT;
	}
}

int child_wait_readable(int fd, uint64_t until)
{
	int got = 0;

	while (until && got == 0)
		got = wait_a_while(fd, until);
	return got < 0 ? got : 0;
}

bool child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_wait(pid, child_limit(A_KILL_IS), NULL) != -ETIMEDOUT;
}
