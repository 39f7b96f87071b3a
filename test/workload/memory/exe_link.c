/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/exe names the same path, and leads to the same inode.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	char before[4096] = "", after[4096] = "";
	struct stat old, now;

	wl_try(readlink("/proc/self/exe", before, sizeof(before) - 1));
	wl_try(stat("/proc/self/exe", &old));
	wl_ready_and_wait();
	wl_try(readlink("/proc/self/exe", after, sizeof(after) - 1));
	wl_try(stat("/proc/self/exe", &now));
	wl_check_text("/proc/self/exe", after, before);
	wl_check_eq(now.st_ino, old.st_ino);
	wl_pass();
}
