/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors with O_PATH of things that could not be opened otherwise, or not without a trace: a
 * unix socket's file, a fifo, a device, a file without any permission, a removed file, a removed
 * fifo, a removed socket's file and a removed symbolic link.
 *
 * wl: areas files
 * wl: cycles 3
 * wl: needs root
 * wl: crossing none CRIU takes the path of a socket for the socket, and makes a regular file of a removed one
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 9 };

int main(void)
{
	static const mode_t mode[COUNT] = { S_IFSOCK | 0600, S_IFIFO | 0640, S_IFCHR | 0600,
					    S_IFREG,	     S_IFREG | 0604, S_IFIFO | 0604,
					    S_IFSOCK | 0604, S_IFLNK | 0777, S_IFBLK | 0600 };
	struct wl_fd state[COUNT];
	int fd[COUNT];
	char target[16] = "";

	for (int i = 0; i < COUNT; i++) {
		char *name = wl_format("node-%d", i);

		if (S_ISLNK(mode[i]))
			wl_try(symlink("nowhere", name));
		else
			wl_try(mknod(name, mode[i], makedev(1, 250)));
		fd[i] = wl_try(open(name, O_PATH | O_NOFOLLOW));
		if (i >= 4)
			wl_try(unlink(name));
		wl_fd_save(fd[i], &state[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_check_eq(readlinkat(fd[7], "", target, sizeof(target) - 1), 7);
	wl_check(!strcmp(target, "nowhere"));
	wl_pass();
}
