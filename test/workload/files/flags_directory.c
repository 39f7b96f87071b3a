/* SPDX-License-Identifier: Apache-2.0 */
/*
 * F_GETFL shows O_DIRECTORY for what was opened with it; also together with O_PATH and O_CLOEXEC.
 *
 * wl: areas files
 * wl: crossing from CRIU restores no O_DIRECTORY
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	static const int flags[] = { O_DIRECTORY, O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
				     O_DIRECTORY | O_PATH, O_DIRECTORY | O_NOFOLLOW, 0 };
	enum { COUNT = sizeof(flags) / sizeof(flags[0]) };
	struct wl_fd state[COUNT];
	int fd[COUNT];

	wl_try(mkdir("dir", 0700));
	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open("dir", flags[i]));
		wl_fd_save(fd[i], &state[i]);
		wl_check_eq(!!(state[i].flags & O_DIRECTORY), !!(flags[i] & O_DIRECTORY));
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_pass();
}
