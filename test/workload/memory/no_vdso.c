/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program without a vdso, without its first stack, and without the areas of its arguments: it has
 * unmapped them, and waits on a stack of its own.
 *
 * wl: areas memory
 * wl: ignore args
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "workload.h"

static ucontext_t other;
static char text[65536];

static void drop(const char *name)
{
	char *line, *rest;
	int fd = wl_try(open("/proc/self/maps", O_RDONLY));
	ssize_t n, at = 0;

	while ((n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += n;
	text[at] = 0;
	close(fd);
	for (rest = text; (line = strsep(&rest, "\n"));) {
		unsigned long start, end;

		if (!strstr(line, name) || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		wl_try(munmap((void *)start, end - start));
	}
}

static bool there(const char *name)
{
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t n, at = 0;

	while ((n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += n;
	text[at] = 0;
	close(fd);
	return strstr(text, name);
}

static void run(void)
{
	int fd;
	sigset_t set;
	siginfo_t info;
	bool bad;

	drop("[vvar");
	drop("[vdso]");
	drop("[stack]");
	fd = syscall(SYS_openat, AT_FDCWD, "ready", O_WRONLY | O_CREAT, 0644);
	close(fd);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8);
	bad = there("[vdso]") || there("[stack]") || there("[vvar");
	if (!bad)
		syscall(SYS_write, STDOUT_FILENO, "PASS\n", 5);
	_exit(bad);
}

int main(void)
{
	size_t size = 1 << 20;

	getcontext(&other);
	other.uc_stack.ss_sp = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	other.uc_stack.ss_size = size;
	makecontext(&other, run, 0);
	setcontext(&other);
	wl_fail("setcontext returned");
}
