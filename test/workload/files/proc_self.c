/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors on files of /proc/self: status (half read), a directory, maps, and one file of a
 * sysctl. They are descriptors on the same process' files, at the same position, and can be read.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	static const char *const path[] = { "/proc/self/status", "/proc/self",
					    "/proc/self/maps",	 "/proc/sys/kernel/hostname",
					    "/proc/self/task",	 "/proc/meminfo" };
	enum { COUNT = sizeof(path) / sizeof(path[0]) };
	struct wl_fd state[COUNT];
	char buf[4096] = "", link[4096];
	int fd[COUNT];

	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open(path[i], O_RDONLY));
		wl_fd_save(fd[i], &state[i]);
	}
	wl_check_eq(read(fd[0], buf, 6), 6);
	wl_fd_save(fd[0], &state[0]);
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fd[i], &state[i]);
		memset(link, 0, sizeof(link));
		wl_try(readlink(wl_format("/proc/self/fd/%d", fd[i]), link, sizeof(link) - 1));
		if (!strncmp(path[i], "/proc/self", 10))
			wl_check_text("the link", link,
				      wl_format("/proc/%d%s", getpid(), path[i] + 10));
		else
			wl_check_text("the link", link, path[i]);
	}
	wl_check(read(fd[0], buf, sizeof(buf) - 1) > 0);
	wl_check(strstr(buf, wl_format("\nPid:\t%d\n", getpid())));
	wl_check(read(fd[3], buf, sizeof(buf)) > 0);
	wl_pass();
}
