/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc and /sys that programs keep open: own maps, memory, pagemap, descriptor folder and
 * a namespace's file as a path; those of a child; the system's; each at its position where it has
 * one.
 *
 * wl: areas files
 * wl: cycles 3
 * wl: left    /proc/PID/net/dev shows as deleted when anybody else has looked for it
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static const char *const name[] = {
	"/proc/self/maps",
	"/proc/self/mem",
	"/proc/self/pagemap",
	"/proc/self/fd",
	"/proc/self/ns",
	"/proc/stat",
	"/proc/sys/kernel/ostype",
	"/proc/self/net/dev",
	"/proc/self/task",
	"/sys/kernel",
	"/proc",
	"/proc/self/fdinfo",
	"/proc/self/attr",
	"/proc/uptime",
};
enum { COUNT = sizeof(name) / sizeof(name[0]) };

int main(void)
{
	struct stat st[COUNT], now;
	char buf[256], link[256], got[256];
	int fd[COUNT], child_maps, value = 77;
	pid_t pid = wl_fork_awaited();

	if (pid == 0) {
		wl_child_wait();
		_exit(0);
	}
	child_maps = wl_try(open(wl_format("/proc/%d/status", pid), O_RDONLY));
	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open(name[i], O_RDONLY));
		wl_try(fstat(fd[i], &st[i]));
	}
	wl_try(lseek(fd[1], (long)&value, SEEK_SET));
	wl_check_eq(read(fd[6], buf, 2), 2);
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_try(fstat(fd[i], &now));
		if (now.st_mode != st[i].st_mode)
			wl_fail("%s is another kind of file", name[i]);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd[i]);
		memset(got, 0, sizeof(got));
		wl_try(readlink(link, got, sizeof(got) - 1));
		if (!strstr(got, strrchr(name[i], '/')))
			wl_fail("%s has become %s", name[i], got);
	}
	value = 78;
	wl_check_eq(read(fd[1], &value, sizeof(value)), sizeof(value));
	wl_check_eq(value, 78);
	wl_check_eq(read(fd[6], buf, 16), 4);
	wl_check(!memcmp(buf, "nux\n", 4));
	wl_check(read(fd[0], buf, sizeof(buf)) > 0 && read(fd[7], buf, 10) > 0);
	wl_check(read(child_maps, buf, sizeof(buf)) > 0 && !memcmp(buf, "Name:", 5));
	wl_finish(pid);
	wl_pass();
}
