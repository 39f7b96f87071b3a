/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The working directory is a freshly made directory (with a blank and a newline in its name):
 * getcwd() gives the same, and relative names work.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	char before[4096], after[4096];

	wl_try(mkdir("new dir\nwith \"quotes\"", 0755));
	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	wl_try(chdir("new dir\nwith \"quotes\""));
	wl_check(getcwd(before, sizeof(before)));
	wl_ready_and_wait();
	wl_check(getcwd(after, sizeof(after)));
	wl_check_text("working directory", after, before);
	wl_write_file("here", "x");
	wl_try(unlink(wl_format("%s/here", before)));
	wl_pass();
}
