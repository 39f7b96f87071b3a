/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program has moved its arguments, environment and auxv by prctl(PR_SET_MM_MAP), as setproctitle
 * implementations and runtimes do: cmdline, environ and auxv show what it made of them.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "workload.h"

static unsigned long stat_field(int wanted)
{
	char *text = wl_read_file("/proc/self/stat"), *p = strrchr(text, ')') + 2, *word = NULL;
	unsigned long value;

	for (int number = 3; number <= wanted; number++)
		word = strsep(&p, " ");
	value = strtoul(word, NULL, 10);
	free(text);
	return value;
}

static void expect(const char *path, const char *want, size_t len)
{
	char buf[8192];
	int fd = wl_try(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n = wl_try(read(fd, buf, sizeof(buf)));

	close(fd);
	if ((size_t)n != len || memcmp(buf, want, len))
		wl_fail("%s holds %zd bytes '%.*s', expected '%s'", path, n, (int)n, buf, want);
}

int main(void)
{
	static const char args[] = "moved\0arguments", env[] = "MOVED=environment\0B=2";
	static unsigned long auxv[64]; /* more than the kernel's AT_VECTOR_SIZE on x86-64 */
	char *page = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int fd = wl_try(open("/proc/self/auxv", O_RDONLY | O_CLOEXEC));
	ssize_t size = wl_try(read(fd, auxv, sizeof(auxv))), pairs = size / 16;
	struct prctl_mm_map map = {
		.start_code = stat_field(26),
		.end_code = stat_field(27),
		.start_stack = stat_field(28),
		.start_data = stat_field(45),
		.end_data = stat_field(46),
		.start_brk = stat_field(47),
		.brk = (uintptr_t)sbrk(0),
		.exe_fd = -1,
		.auxv = (void *)auxv,
		.auxv_size = size,
	};

	close(fd);
	memcpy(page, args, sizeof(args));
	memcpy(page + 100, env, sizeof(env));
	map.arg_start = (uintptr_t)page;
	map.arg_end = map.arg_start + sizeof(args);
	map.env_start = (uintptr_t)page + 100;
	map.env_end = map.env_start + sizeof(env);
	for (ssize_t i = 0; i < pairs; i++)
		if (auxv[2 * i] == 17) /* AT_CLKTCK */
			auxv[2 * i + 1] = 12345;
	wl_try(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0));
	wl_ready_and_wait();
	expect("/proc/self/cmdline", args, sizeof(args));
	expect("/proc/self/environ", env, sizeof(env));
	expect("/proc/self/auxv", (const char *)auxv, size);
	wl_check_eq(stat_field(48), map.arg_start);
	wl_check_eq(stat_field(51), map.env_end);
	wl_pass();
}
