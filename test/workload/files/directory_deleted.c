/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open directory was removed, and so was its parent: the descriptor is still a directory
 * without links, with mode and owner, and nothing has come back in its place.
 *
 * wl: areas files
 * wl: crossing from CRIU leaves the parent directory behind
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	int fd;

	wl_try(mkdir("parent", 0700));
	wl_try(mkdir("parent/child", 0711));
	wl_try(chown("parent/child", 18943, 58467));
	fd = wl_try(open("parent/child", O_RDONLY | O_CLOEXEC));
	wl_try(rmdir("parent/child"));
	wl_try(rmdir("parent"));
	wl_fd_save(fd, &state);
	wl_check_eq(state.nlink, 0);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check(S_ISDIR(state.mode));
	wl_check(openat(fd, "file", O_CREAT | O_RDWR, 0644) < 0 && errno == ENOENT);
	wl_check(access("parent", F_OK) < 0 && errno == ENOENT);
	wl_pass();
}
