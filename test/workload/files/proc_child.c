/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent holds descriptors on /proc files of its child, which has to exist before they can be
 * opened: they can be read, and the child be killed and reaped.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	pid_t pid = wl_fork_awaited();
	struct wl_fd state;
	char buf[512] = "";
	int stat_fd, dir, status;

	if (pid == 0) {
		wl_child_wait();
		_exit(0);
	}
	stat_fd = wl_try(open(wl_format("/proc/%d/stat", pid), O_RDONLY));
	dir = wl_try(open(wl_format("/proc/%d", pid), O_RDONLY | O_DIRECTORY));
	wl_fd_save(stat_fd, &state);
	wl_ready_and_wait();
	wl_fd_check(stat_fd, &state);
	wl_check(read(stat_fd, buf, sizeof(buf) - 1) > 0);
	wl_check_eq(atoi(buf), pid);
	wl_try(openat(dir, "status", O_RDONLY));
	wl_try(kill(pid, SIGKILL));
	wl_check_eq(waitpid(pid, &status, 0), pid);
	wl_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	wl_check_eq(pread(stat_fd, buf, sizeof(buf), 0), -1);
	wl_check_eq(errno, ESRCH);
	wl_try(close(stat_fd));
	wl_pass();
}
