/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that, as another user, executed a binary it may execute and not read, and so is not
 * dumpable (its value comes from fs.suid_dumpable). The tool dumps it all the same; the child
 * reports the same value afterwards.
 *
 *	wl: areas   creds
 *	wl: flavours host ns
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* The executed copy: on 3 it says its value, on 4 it is told to say it again. */
static void live(void)
{
	char byte, value;

	do {
		value = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
		wl_check_eq(write(3, &value, 1), 1);
	} while (read(4, &byte, 1) == 1);
	_exit(0);
}

static void copy_self(const char *path)
{
	int from = wl_try(open("/proc/self/exe", O_RDONLY)), to;
	struct stat stat;

	to = wl_try(open(path, O_WRONLY | O_CREAT | O_EXCL, 0700));
	wl_try(fstat(from, &stat));
	wl_check_eq(sendfile(to, from, NULL, stat.st_size), stat.st_size);
	wl_try(fchmod(to, 0111));
	close(from);
	close(to);
}

int main(int argc, char **argv)
{
	int say[2], ask[2];
	char before, after;
	pid_t pid;

	(void)argc;
	if (!strcmp(argv[0], "unreadable"))
		live();
	copy_self("copy");
	wl_try(pipe(say));
	wl_try(pipe(ask));
	pid = wl_fork();
	if (pid == 0) {
		int exe = wl_try(open("copy", O_PATH | O_CLOEXEC));

		/* Out of the way of 3 and 4 first. */
		wl_try(dup2(say[1], 13));
		wl_try(dup2(ask[0], 14));
		exe = wl_try(fcntl(exe, F_DUPFD_CLOEXEC, 20));
		wl_try(dup2(13, 3));
		wl_try(dup2(14, 4));
		close_range(5, 19, 0);
		wl_try(setresgid(1000, 1000, 1000));
		wl_try(setresuid(1000, 1000, 1000));
		fexecve(exe, (char *[]){ "unreadable", NULL }, (char *[]){ NULL });
		wl_pfail("fexecve");
	}
	close(say[1]);
	close(ask[0]);
	wl_check_eq(read(say[0], &before, 1), 1);
	wl_check(before != 1);
	wl_ready_and_wait();
	wl_check_eq(write(ask[1], "?", 1), 1);
	wl_check_eq(read(say[0], &after, 1), 1);
	wl_check_eq(after, before);
	close(ask[1]);
	wl_reap(pid);
	wl_pass();
}
