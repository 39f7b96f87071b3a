/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The /proc directory and a /proc file of a child are held open while it was killed and reaped:
 * the descriptors are valid, behave as those of a dead process (ENOENT, ESRCH), and can be closed.
 *
 * wl: areas files
 * wl: flavours host ns
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static void check(int dir, int file)
{
	struct stat st;
	char byte;

	wl_try(fstat(dir, &st));
	wl_check(S_ISDIR(st.st_mode));
	wl_check(openat(dir, "stat", O_RDONLY) < 0);
	wl_try(fstat(file, &st));
	wl_check(read(file, &byte, 1) < 0 && errno == ESRCH);
}

int main(void)
{
	pid_t pid = wl_fork_awaited();
	int dir, file;

	if (pid == 0) {
		wl_child_wait();
		_exit(0);
	}
	dir = wl_try(open(wl_format("/proc/%d", pid), O_RDONLY | O_DIRECTORY));
	file = wl_try(open(wl_format("/proc/%d/stat", pid), O_RDONLY));
	wl_try(kill(pid, SIGKILL));
	wl_check_eq(waitpid(pid, NULL, 0), pid);
	check(dir, file);
	wl_ready_and_wait();
	check(dir, file);
	wl_try(close(dir));
	wl_try(close(file));
	wl_pass();
}
