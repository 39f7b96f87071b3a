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

#include <stdlib.h>
#include <string.h>

int main(void)
{
	static const char *const files[] = { "/proc/self/environ", "/proc/self/cmdline",
					     "/proc/self/auxv" };
	char *before[3];

	wl_try(setenv("WL_VARIABLE", "a value = with \t odd \n bytes", 1));
	for (int i = 0; i < 3; i++)
		before[i] = wl_read_file(files[i]);
	wl_ready_and_wait();
	wl_check_text("WL_VARIABLE", getenv("WL_VARIABLE"), "a value = with \t odd \n bytes");
	for (int i = 0; i < 3; i++) {
		char *after = wl_read_file(files[i]);

		/* The strings end each with a NUL; the first one stands for the layout. */
		wl_check_text(files[i], after, before[i]);
		free(after);
	}
	wl_pass();
}
