/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removed directories in one another (a/b/c), each open, the innermost also the working directory,
 * with a removed file in it; the place of the outermost has been taken by a new directory that
 * holds a file, and so has that of the working directory. The new ones stay as they are.
 *
 * wl: areas files
 * wl: cycles 3
 * wl: ignore fds links
 * wl: crossing from CRIU stumbles over the new directories
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	static const char *const name[] = { "a", "a/b", "a/b/c" };
	static const mode_t mode[] = { 0700, 0701, 0704 };
	struct stat st, cwd, taken;
	char buf[8] = "";
	int fd[3], file, start = wl_try(open(".", O_PATH | O_DIRECTORY));

	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	for (int i = 0; i < 3; i++) {
		wl_try(mkdir(name[i], mode[i]));
		fd[i] = wl_try(open(name[i], O_RDONLY | O_DIRECTORY));
	}
	file = wl_try(open("a/b/c/file", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(file, "inside", 6), 6);
	wl_try(unlink("a/b/c/file"));
	wl_try(chdir("a/b/c"));
	for (int i = 2; i >= 0; i--)
		wl_try(unlinkat(start, name[i], AT_REMOVEDIR));
	for (int i = 0; i < 3; i++)
		wl_try(mkdirat(start, name[i], 0711));
	wl_try(fstatat(start, name[2], &taken, 0));
	close(wl_try(openat(start, "a/b/c/file", O_RDWR | O_CREAT, 0600)));
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++) {
		wl_try(fstat(fd[i], &st));
		wl_check(S_ISDIR(st.st_mode));
		wl_check_eq(st.st_mode & 07777, mode[i]);
		wl_check_eq(st.st_nlink, 0);
	}
	wl_try(stat(".", &cwd));
	wl_check(cwd.st_ino == st.st_ino && cwd.st_dev == st.st_dev);
	wl_check(!getcwd(buf, sizeof(buf)) && errno == ENOENT);
	wl_check(open("new", O_RDWR | O_CREAT, 0600) < 0 && errno == ENOENT);
	wl_check_eq(pread(file, buf, sizeof(buf), 0), 6);
	wl_check(!memcmp(buf, "inside", 6));
	wl_try(fstatat(start, name[2], &st, 0));
	wl_check(st.st_ino == taken.st_ino && (st.st_mode & 07777) == 0711);
	wl_try(fstatat(start, "a/b/c/file", &st, 0));
	wl_check_eq(st.st_size, 0);
	wl_try(unlinkat(start, "a/b/c/file", 0));
	for (int i = 2; i >= 0; i--) /* nothing else is in them */
		wl_try(unlinkat(start, name[i], AT_REMOVEDIR));
	wl_pass();
}
