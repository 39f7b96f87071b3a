/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file and a working directory whose paths are as long as a path may be (PATH_MAX), in folders
 * with names of 200 bytes; the file is open, another one beside it deleted.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	char name[201], before[PATH_MAX], after[PATH_MAX], buf[8] = "";
	struct wl_fd state;
	int fd, gone;

	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	memset(name, 'n', 200);
	name[200] = '\0';
	/* Room for the names of the files, and of what a tool may need beside them. */
	while (getcwd(before, sizeof(before)) && strlen(before) < PATH_MAX - 300) {
		wl_try(mkdir(name, 0755));
		wl_try(chdir(name));
	}
	fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "text", 4), 4);
	gone = wl_try(open("gone", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(gone, "gone", 4), 4);
	wl_try(unlink("gone"));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check(getcwd(after, sizeof(after)));
	wl_check_text("working directory", after, before);
	wl_check_eq(pread(gone, buf, sizeof(buf), 0), 4);
	wl_check(!strcmp(buf, "gone"));
	wl_pass();
}
