/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child without any descriptor: its fd directory is still empty afterwards, the tool has left
 * none of its own in it.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static int descriptors(pid_t pid)
{
	DIR *dir = opendir(wl_format("/proc/%d/fd", pid));
	int count = 0;

	wl_check(dir);
	for (struct dirent *d; (d = readdir(dir));)
		count += d->d_name[0] != '.';
	closedir(dir);
	return count;
}

int main(void)
{
	pid_t pid;

	wl_try(close_range(3, ~0U, 0)); /* what the starter left open */
	pid = wl_fork_awaited();
	if (pid == 0) {
		/* All but the channel to the parent, which wl_child_wait() closes. */
		close(0);
		close(1);
		close(2);
		wl_child_wait();
		_exit(0);
	}
	wl_check_eq(descriptors(pid), 0);
	wl_ready_and_wait();
	wl_check_eq(descriptors(pid), 0);
	wl_finish(pid);
	wl_pass();
}
