/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlinked files with quotes, newlines, backslashes, percent signs and the words " (deleted)" in
 * their names, in a directory made unwritable (0500): size, mode, owner, data, and the name that
 * /proc/self/fd shows.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static const char *const name[] = {
	"with \"quotes\" and 'more'", "new\nline\r",
	"back\\slash\\134",	      "per%cent%s%n",
	"really (deleted)",	      "\xff\xfe not utf-8",
	"tab\tand $HOME `x`; rm",
};
enum { COUNT = sizeof(name) / sizeof(name[0]), SIZE = 1000 };

static char *link_of(int fd)
{
	char buf[4096] = "";

	wl_try(readlink(wl_format("/proc/self/fd/%d", fd), buf, sizeof(buf) - 1));
	return strdup(buf);
}

int main(void)
{
	struct wl_fd state[COUNT];
	char buf[SIZE], *link[COUNT];
	int fd[COUNT];

	wl_try(mkdir("dir", 0700));
	for (int i = 0; i < COUNT; i++) {
		char *path = wl_format("dir/%s", name[i]);

		fd[i] = wl_try(open(path, O_RDWR | O_CREAT, 0600));
		wl_fill(buf, SIZE, i);
		wl_check_eq(write(fd[i], buf, SIZE), SIZE);
		wl_try(fchown(fd[i], 18943 + i, 58467));
		wl_try(unlink(path));
		wl_fd_save(fd[i], &state[i]);
		link[i] = link_of(fd[i]);
	}
	wl_try(chmod("dir", 0500));
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_check_eq(pread(fd[i], buf, SIZE, 0), SIZE);
		wl_check(wl_matches(buf, SIZE, i));
		wl_check_text("the link", link_of(fd[i]), link[i]);
	}
	wl_pass();
}
