/* SPDX-License-Identifier: Apache-2.0 */
/* What the workloads of this folder share: the locks that a descriptor shows in fdinfo. */
#ifndef HELD_H
#define HELD_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "workload.h"

/* The "lock:" lines of a descriptor, without their numbers; malloc'ed. pid 0: own. */
static inline char *held(pid_t pid, int fd)
{
	char *path = pid ? wl_format("/proc/%d/fdinfo/%d", pid, fd)
			 : wl_format("/proc/self/fdinfo/%d", fd);
	char *text = wl_read_file(path), *all = calloc(1, strlen(text) + 1);

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "lock:", 5)) {
			strcat(all, strchr(line + 5, ':') + 1);
			strcat(all, "\n");
		}
	free(text);
	free(path);
	return all;
}

static inline int lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static inline struct flock range(int type, long long start, long long len)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};
}

/* Who stands in the way of such a POSIX lock: F_UNLCK if nobody. */
static inline int obstacle(int fd, int cmd, int type, long long start, long long len)
{
	struct flock lock = range(type, start, len);

	wl_try(fcntl(fd, cmd, &lock));
	return lock.l_type;
}

#endif
