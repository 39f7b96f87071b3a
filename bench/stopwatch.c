/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stopwatch COMMAND… runs a command and writes to descriptor 3: nanoseconds from spawn to exit,
 * the largest resident set in KiB of the command and all that it waited for, its wait status.
 *
 * A program of its own because the kernel counts what a process held before its execve towards
 * ru_maxrss (setmax_mm_hiwater_rss() in exec_mmap()): started by a large process, a small one
 * would look large.
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <fcntl.h>

extern char **environ;

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	long long begin;
	int status;
	pid_t pid;

	if (argc < 2 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		return 2;
	begin = now_ns();
	if (posix_spawn(&pid, argv[1], NULL, NULL, argv + 1, environ))
		return 3;
	if (wait4(pid, &status, 0, &usage) != pid)
		return 4;
	return dprintf(3, "%lld %ld %d\n", now_ns() - begin, usage.ru_maxrss, status) < 0;
}
