/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child has chroot'ed into a directory, its working directory left outside, and holds a file
 * made inside: the descriptor gives the same contents, the absolute path leads to the same file
 * inside of the root, and the working directory is still the one outside.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	char buf[16] = "", cwd[4096], link[4096] = "";
	struct stat at_dot, outside, a, b;
	int fd, again;
	pid_t pid;

	wl_try(mkdir("root", 0755));
	wl_try(stat(".", &outside));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_try(chroot("root"));
		fd = wl_try(open("/inside", O_RDWR | O_CREAT, 0644));
		wl_check_eq(write(fd, "inside", 6), 6);
		wl_child_wait();
		wl_check_eq(pread(fd, buf, 16, 0), 6);
		wl_check(!strcmp(buf, "inside"));
		wl_check_eq(lseek(fd, 0, SEEK_CUR), 6);
		again = wl_try(open("/inside", O_RDONLY));
		wl_try(fstat(fd, &a));
		wl_try(fstat(again, &b));
		wl_check_eq(a.st_ino, b.st_ino);
		wl_try(stat(".", &at_dot));
		wl_check_eq(at_dot.st_ino, outside.st_ino);
		wl_check(access("/root", F_OK) < 0);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_try(getcwd(cwd, sizeof(cwd)) ? 0 : -1);
	wl_try(readlink(wl_format("/proc/%d/root", pid), link, sizeof(link) - 1));
	wl_check_text("root of the child", link, wl_format("%s/root", cwd));
	wl_finish(pid);
	wl_pass();
}
