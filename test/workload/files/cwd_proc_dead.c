/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The working directory is the /proc directory of a process that was killed: getcwd() gives
 * ENOENT before and after, and the link in /proc/self/cwd can be read.
 *
 * wl: areas files
 * wl: dump --link-remap
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static void check(pid_t pid)
{
	char buf[4096] = "";

	wl_check(!getcwd(buf, sizeof(buf)) && errno == ENOENT);
	wl_try(readlink("/proc/self/cwd", buf, sizeof(buf) - 1));
	if (strncmp(buf, wl_format("/proc/%d", pid), strlen(wl_format("/proc/%d", pid))))
		wl_fail("the working directory is '%s'", buf);
}

int main(void)
{
	pid_t pid = wl_fork_awaited();

	if (pid == 0) {
		wl_child_wait();
		_exit(0);
	}
	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	wl_try(chdir(wl_format("/proc/%d", pid)));
	wl_try(kill(pid, SIGKILL));
	wl_check_eq(waitpid(pid, NULL, 0), pid);
	check(pid);
	wl_ready_and_wait();
	check(pid);
	wl_pass();
}
