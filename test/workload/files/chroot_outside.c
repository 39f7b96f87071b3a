/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child opens a file, then chroots into a fresh, empty directory and goes there: the file
 * outside stays readable, its name can't be opened.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	char buf[16] = "", *full;
	struct wl_fd state;
	pid_t pid;
	int fd;

	wl_write_file("outside", "outside");
	full = realpath("outside", NULL);
	wl_try(mkdir("empty", 0755));
	pid = wl_fork_awaited();
	if (pid == 0) {
		fd = wl_try(open("outside", O_RDONLY));
		wl_try(chroot("empty"));
		wl_try(chdir("/"));
		wl_fd_save(fd, &state);
		wl_child_wait();
		wl_fd_check(fd, &state);
		wl_check_eq(read(fd, buf, sizeof(buf)), 7);
		wl_check(!strcmp(buf, "outside"));
		wl_check(open(full, O_RDONLY) < 0 && errno == ENOENT);
		wl_check(!strcmp(getcwd(buf, sizeof(buf)), "/"));
		_exit(0);
	}
	wl_ready_and_wait();
	wl_finish(pid);
	wl_pass();
}
