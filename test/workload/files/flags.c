/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open file descriptions with every flag that open() and F_SETFL can leave, at a position that
 * isn't 0: F_GETFL, F_GETFD, position and fstat() are the same, and so are fdinfo's flags.
 * (O_DIRECTORY is flags_directory's.)
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "workload.h"

static const struct {
	int open_flags, set_flags;
	const char *path;
} kind[] = {
	{ O_RDONLY, 0, "file" },
	{ O_WRONLY, 0, "file" },
	{ O_RDWR, 0, "file" },
	{ O_RDWR | O_APPEND, 0, "file" },
	{ O_RDWR, O_APPEND, "file" },
	{ O_RDWR | O_NONBLOCK, 0, "file" },
	{ O_RDWR, O_NONBLOCK | O_APPEND, "file" },
	{ O_RDWR | O_SYNC, 0, "file" },
	{ O_RDWR | O_DSYNC, 0, "file" },
	{ O_RDWR | O_DIRECT, 0, "file" },
	{ O_RDWR, O_DIRECT, "file" },
	{ O_RDONLY | O_NOATIME, 0, "file" },
	{ O_RDWR | O_CLOEXEC, 0, "file" },
	{ O_RDONLY | O_NOFOLLOW, 0, "file" },
	{ O_RDONLY | O_CLOEXEC, O_NONBLOCK, "." },
	{ O_PATH, 0, "file" },
	{ O_PATH | O_CLOEXEC, 0, "file" },
	{ O_PATH, 0, "." },
	{ O_PATH, 0, "/dev/null" },
};
enum { COUNT = sizeof(kind) / sizeof(kind[0]) };

static char *fdinfo_flags(int fd)
{
	return wl_field(wl_format("/proc/self/fdinfo/%d", fd), "flags");
}

int main(void)
{
	char buf[8192];
	struct wl_fd state[COUNT];
	char *info[COUNT];
	int fd[COUNT], file = wl_try(open("file", O_RDWR | O_CREAT, 0640));

	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(write(file, buf, sizeof(buf)), sizeof(buf));
	close(file);
	for (int i = 0; i < COUNT; i++) {
		bool plain = !(kind[i].open_flags & O_PATH) && kind[i].path[0] == 'f';

		fd[i] = wl_try(open(kind[i].path, kind[i].open_flags));
		if (kind[i].set_flags)
			wl_try(fcntl(fd[i], F_SETFL, fcntl(fd[i], F_GETFL) | kind[i].set_flags));
		if (plain)
			wl_check_eq(lseek(fd[i], 512 * (i + 1), SEEK_SET), 512 * (i + 1));
		wl_fd_save(fd[i], &state[i]);
		info[i] = fdinfo_flags(fd[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_check_text("flags in fdinfo", fdinfo_flags(fd[i]), info[i]);
	}
	wl_pass();
}
