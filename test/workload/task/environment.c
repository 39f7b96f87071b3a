/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables that were set in memory, and the initial environment, arguments and auxiliary
 * vector as /proc shows them.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST 65536

struct text {
	char bytes[LONGEST];
	size_t len;
};

/* With all NULs in it, which end the strings of two of the files and fill the third. */
static void get(const char *path, struct text *text)
{
	int fd = wl_try(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n;

	text->len = 0;
	while ((n = wl_try(read(fd, text->bytes + text->len, LONGEST - text->len))) > 0)
		text->len += n;
	close(fd);
	wl_check(text->len > 0 && text->len < LONGEST);
}

int main(void)
{
	static const char *const files[] = { "/proc/self/environ", "/proc/self/cmdline",
					     "/proc/self/auxv" };
	static struct text before[3], after;

	wl_try(setenv("WL_VARIABLE", "a value = with \t odd \n bytes", 1));
	for (int i = 0; i < 3; i++)
		get(files[i], &before[i]);
	wl_ready_and_wait();
	wl_check_text("WL_VARIABLE", getenv("WL_VARIABLE"), "a value = with \t odd \n bytes");
	for (int i = 0; i < 3; i++) {
		get(files[i], &after);
		if (after.len != before[i].len || memcmp(after.bytes, before[i].bytes, after.len))
			wl_fail("%s is not what it was", files[i]);
	}
	wl_pass();
}
