/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file's directory was removed with the name by which it was opened; it still has a link
 * in the directory above. Contents, inode and links are the same.
 *
 * wl: areas files
 * wl: dump --link-remap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char buf[16] = "";
	int fd;

	wl_try(mkdir("dir", 0755));
	fd = wl_try(open("dir/file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "content", 7), 7);
	wl_try(link("dir/file", "other"));
	wl_try(unlink("dir/file"));
	wl_try(rmdir("dir"));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(state.nlink, 1);
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), 7);
	wl_check(!strcmp(buf, "content"));
	wl_check(access("dir", F_OK) < 0 && errno == ENOENT);
	wl_check(!strcmp(wl_read_file("other"), "content"));
	wl_pass();
}
