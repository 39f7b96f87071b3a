/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child's root directory (chroot) is a directory that was removed: it is still a removed
 * directory, in which nothing can be made.
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
	char link[4096] = "";
	struct stat st;
	pid_t pid;

	wl_try(mkdir("gone", 0755));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_try(chroot("gone"));
		wl_try(chdir("/"));
		wl_child_wait();
		wl_try(stat("/", &st));
		wl_check_eq(st.st_nlink, 0);
		wl_check(open("/file", O_CREAT | O_RDWR, 0644) < 0 && errno == ENOENT);
		_exit(0);
	}
	wl_try(rmdir("gone"));
	wl_ready_and_wait();
	wl_try(readlink(wl_format("/proc/%d/root", pid), link, sizeof(link) - 1));
	wl_check(strstr(link, "/gone (deleted)"));
	wl_finish(pid);
	wl_pass();
}
