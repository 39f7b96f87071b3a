/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that never had a name (O_TMPFILE) in a directory that was made unwritable: size, mode,
 * owner, offset and data.
 *
 * The link's text is not compared: it holds the inode's number.
 *
 * wl: areas files
 * wl: ignore fds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char buf[1000];
	int fd;

	wl_try(mkdir("dir", 0700));
	fd = wl_try(open("dir", O_TMPFILE | O_RDWR, 0600));
	wl_try(chmod("dir", 0500));
	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
	wl_try(fchown(fd, 18943, 58467));
	wl_try(fchmod(fd, 0604));
	wl_check_eq(lseek(fd, 500, SEEK_SET), 500);
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	/* Whether F_GETFL still shows O_TMPFILE is asked in tmpfile_flags. */
	state.flags = (state.flags & ~O_TMPFILE) | (fcntl(fd, F_GETFL) & O_TMPFILE);
	wl_fd_check(fd, &state);
	wl_check_eq(state.mode & 07777, 0604);
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_pass();
}
