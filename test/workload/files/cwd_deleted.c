/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The working directory was removed, and is open as a descriptor, too: both are one removed
 * directory afterwards (inode, device, no links), and getcwd() gives ENOENT.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static void check(int fd)
{
	struct stat a, b;
	char buf[4096];

	wl_try(fstat(fd, &a));
	wl_try(stat("/proc/self/cwd", &b));
	wl_check(S_ISDIR(a.st_mode));
	wl_check_eq(a.st_mode & 07777, 0750);
	wl_check_eq(a.st_nlink, 0);
	wl_check_eq(a.st_ino, b.st_ino);
	wl_check_eq(a.st_dev, b.st_dev);
	wl_check(!getcwd(buf, sizeof(buf)) && errno == ENOENT);
	wl_check(open("file", O_CREAT | O_RDWR, 0644) < 0 && errno == ENOENT);
}

int main(void)
{
	int fd;

	umask(0);
	wl_try(mkdir("gone", 0750));
	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	wl_try(chdir("gone"));
	fd = wl_try(open(".", O_RDONLY | O_DIRECTORY));
	wl_try(rmdir("../gone"));
	check(fd);
	wl_ready_and_wait();
	check(fd);
	wl_pass();
}
