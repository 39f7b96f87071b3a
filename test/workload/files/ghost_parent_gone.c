/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleted files whose directory is deleted, too, and the directory above it; in the place of
 * another deleted directory there is a file now. Data, sizes and links.
 *
 * The link's text is not compared: there is a file now where the directory would have to be made.
 *
 * wl: areas files
 * wl: ignore fds
 * wl: crossing from CRIU stumbles over the file in the place of the directory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd deep_state, replaced_state;
	char buf[16] = "";
	int deep, replaced;

	wl_try(mkdir("a", 0700));
	wl_try(mkdir("a/b", 0755));
	deep = wl_try(open("a/b/file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(deep, "deep", 4), 4);
	wl_try(unlink("a/b/file"));
	wl_try(rmdir("a/b"));
	wl_try(rmdir("a"));
	wl_try(mkdir("c", 0700));
	replaced = wl_try(open("c/file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(replaced, "replaced", 8), 8);
	wl_try(unlink("c/file"));
	wl_try(rmdir("c"));
	wl_write_file("c", "a file");
	wl_fd_save(deep, &deep_state);
	wl_fd_save(replaced, &replaced_state);
	wl_ready_and_wait();
	wl_fd_check(deep, &deep_state);
	wl_fd_check(replaced, &replaced_state);
	wl_check_eq(pread(deep, buf, 16, 0), 4);
	wl_check(!memcmp(buf, "deep", 4));
	wl_check_eq(pread(replaced, buf, 16, 0), 8);
	wl_check(!memcmp(buf, "replaced", 8));
	wl_check(access("a", F_OK) < 0 && errno == ENOENT);
	wl_check(!strcmp(wl_read_file("c"), "a file"));
	wl_pass();
}
