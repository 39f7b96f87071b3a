/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files made with O_TMPFILE: one that was linked to a name later (of which the flag O_TMPFILE goes:
 * what has a name can't be opened with it), one whose name was removed again, and one that is
 * opened a second time through /proc for reading; flags, contents and links hold, and the one
 * without a name can be linked after the restore.
 *
 * wl: areas files
 * wl: cycles 3
 * wl: ignore fds fdinfo
 * wl: crossing none CRIU drops O_TMPFILE
 * wl: left    it is about a flag that a restore loses
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 3 };

static void link_to(int fd, const char *name)
{
	wl_try(linkat(AT_FDCWD, wl_format("/proc/self/fd/%d", fd), AT_FDCWD, name,
		      AT_SYMLINK_FOLLOW));
}

int main(void)
{
	struct wl_fd state[COUNT];
	int fd[COUNT], again;
	char buf[8];

	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open(".", O_RDWR | O_TMPFILE | (i ? O_APPEND : 0), 0640));
		wl_check_eq(write(fd[i], "tmpfile", 7), 7);
	}
	link_to(fd[0], "linked");
	link_to(fd[1], "gone");
	wl_try(unlink("gone"));
	again = wl_try(open(wl_format("/proc/self/fd/%d", fd[2]), O_RDONLY));
	wl_check_eq(lseek(again, 3, SEEK_SET), 3);
	for (int i = 0; i < COUNT; i++)
		wl_fd_save(fd[i], &state[i]);
	wl_ready_and_wait();
	state[0].flags &= ~O_TMPFILE;
	for (int i = 0; i < COUNT; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_check_eq(read(again, buf, 8), 4);
	wl_check(!memcmp(buf, "file", 4));
	wl_check(access("linked", F_OK) == 0 && access("gone", F_OK) < 0);
	link_to(fd[2], "late");
	wl_check_eq(write(fd[2], "!", 1), 1);
	wl_check_text("contents", wl_read_file("late"), "tmpfile!");
	wl_pass();
}
