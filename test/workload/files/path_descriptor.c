/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors opened with O_PATH on a file without any permission and on a directory show the flag
 * in fdinfo, refuse to read, and lead to the same inode through /proc/self/fd.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 2 };

int main(void)
{
	static const char *const path[COUNT] = { "file", "dir" };
	struct wl_fd state[COUNT];
	struct stat st;
	int fd[COUNT];
	char byte;

	wl_write_file("file", "text");
	wl_try(chmod("file", 0));
	wl_try(mkdir("dir", 0700));
	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open(path[i], O_PATH));
		wl_fd_save(fd[i], &state[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		char *flags = wl_field(wl_format("/proc/self/fdinfo/%d", fd[i]), "flags");

		wl_fd_check(fd[i], &state[i]);
		wl_check(strtoul(flags, NULL, 8) & O_PATH);
		wl_check(read(fd[i], &byte, 1) < 0 && errno == EBADF);
		wl_try(stat(wl_format("/proc/self/fd/%d", fd[i]), &st));
		wl_check_eq(st.st_ino, state[i].ino);
	}
	wl_pass();
}
