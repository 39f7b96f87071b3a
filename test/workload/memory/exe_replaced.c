/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's binary was replaced by another file of the same name while it runs, as a package
 * upgrade does: the exe link leads to the old file, which is deleted, and the new one is untouched.
 *
 * wl: areas memory files
 * wl: dump --ghost-limit 8M
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static void run_copy(char **argv)
{
	int in = wl_try(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	int out = wl_try(open("copy", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
	struct stat st;

	wl_try(fstat(in, &st));
	for (off_t done = 0; done < st.st_size;)
		done += wl_try(sendfile(out, in, NULL, st.st_size - done));
	close(out);
	wl_try(setenv("WL_IS_COPY", "1", 1));
	wl_try(execv("copy", argv));
}

int main(int argc, char **argv)
{
	struct stat running, now, new;
	char link[4096] = "";

	(void)argc;
	if (!getenv("WL_IS_COPY"))
		run_copy(argv);
	wl_write_file("upgrade", "#!/bin/sh\n");
	wl_try(rename("upgrade", "copy"));
	wl_try(stat("/proc/self/exe", &running));
	wl_check_eq(running.st_nlink, 0);
	wl_ready_and_wait();
	wl_try(readlink("/proc/self/exe", link, sizeof(link) - 1));
	if (!strstr(link, " (deleted)"))
		wl_fail("the exe link is '%s'", link);
	wl_try(stat("/proc/self/exe", &now));
	wl_check_eq(now.st_size, running.st_size);
	wl_check_eq(now.st_mode, running.st_mode);
	wl_check_eq(now.st_nlink, 0);
	wl_try(stat("copy", &new));
	wl_check(new.st_ino != now.st_ino);
	wl_check(!strcmp(wl_read_file("copy"), "#!/bin/sh\n"));
	wl_pass();
}
