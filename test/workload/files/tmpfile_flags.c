/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files opened with O_TMPFILE: F_GETFL shows it, and linkat() can still give the one a name that
 * was opened without O_EXCL.
 *
 * The link's text is not compared: it holds the inode's number.
 *
 * wl: areas files
 * wl: ignore fds
 * wl: crossing from CRIU restores no O_TMPFILE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state[2];
	struct stat st;
	int fd[2];

	wl_try(mkdir("dir", 0700));
	fd[0] = wl_try(open("dir", O_TMPFILE | O_RDWR, 0640));
	fd[1] = wl_try(open("dir", O_TMPFILE | O_WRONLY | O_CLOEXEC | O_APPEND, 0600));
	wl_check_eq(write(fd[0], "text", 4), 4);
	wl_check_eq(write(fd[1], "more", 4), 4);
	for (int i = 0; i < 2; i++)
		wl_fd_save(fd[i], &state[i]);
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_try(linkat(AT_FDCWD, wl_format("/proc/self/fd/%d", fd[0]), AT_FDCWD, "named",
		      AT_SYMLINK_FOLLOW));
	wl_try(stat("named", &st));
	wl_check_eq(st.st_nlink, 1);
	wl_check_eq(st.st_size, 4);
	wl_check(!strcmp(wl_read_file("named"), "text"));
	wl_pass();
}
