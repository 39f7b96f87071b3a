/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten unlinked files of 951 MiB (1 MiB of data behind a hole) in the root directory: the texts of
 * the links in /proc, the map of data and holes, and the data are the same.
 *
 * wl: areas files
 * wl: flavours host ns
 * wl: dump --ghost-limit 1G --ghost-fiemap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 10, DATA = 1 << 20 };
static const off_t hole = 950L << 20;

static char *link_of(int fd)
{
	char buf[4096] = "";

	wl_try(readlink(wl_format("/proc/self/fd/%d", fd), buf, sizeof(buf) - 1));
	return strdup(buf);
}

int main(void)
{
	char *buf = malloc(DATA), *link[COUNT];
	int fd[COUNT];

	wl_check(buf);
	for (int i = 0; i < COUNT; i++) {
		char *path = wl_format("/wl-ghost-%d-%d", getpid(), i);

		fd[i] = wl_try(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
		wl_try(unlink(path));
		wl_fill(buf, DATA, i);
		wl_check_eq(pwrite(fd[i], buf, DATA, hole), DATA);
		link[i] = link_of(fd[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_check_text("the link", link_of(fd[i]), link[i]);
		wl_check_eq(lseek(fd[i], 0, SEEK_DATA), hole);
		wl_check_eq(lseek(fd[i], hole, SEEK_HOLE), hole + DATA);
		wl_check_eq(pread(fd[i], buf, DATA, hole), DATA);
		wl_check(wl_matches(buf, DATA, i));
	}
	wl_pass();
}
