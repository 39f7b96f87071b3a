/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel keeps in mm_struct beside the areas: the addresses in /proc/self/stat (start
 * and end of code, data, brk, stack, arguments, environment), auxv, cmdline and environ.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

/* proc_pid_stat(5): startcode 26, endcode 27, startstack 28, start_data 45 to env_end 51. */
static const int fields[] = { 26, 27, 28, 45, 46, 47, 48, 49, 50, 51 };
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void read_layout(unsigned long *ret_value)
{
	char *text = wl_read_file("/proc/self/stat"), *p = strrchr(text, ')') + 2;
	int number = 3, n = 0;

	for (char *word; (word = strsep(&p, " ")); number++)
		if (n < FIELDS && number == fields[n])
			ret_value[n++] = strtoul(word, NULL, 10);
	wl_check_eq(n, FIELDS);
	free(text);
}

static ssize_t read_bytes(const char *path, char *buf, size_t size)
{
	int fd = wl_try(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n, sum = 0;

	while ((n = wl_try(read(fd, buf + sum, size - sum))) > 0)
		sum += n;
	close(fd);
	return sum;
}

int main(void)
{
	static const char *const path[] = { "/proc/self/auxv", "/proc/self/cmdline",
					    "/proc/self/environ" };
	static char before[3][65536], after[65536];
	unsigned long layout[FIELDS], now[FIELDS];
	ssize_t size[3];

	read_layout(layout);
	for (int i = 0; i < 3; i++)
		wl_check((size[i] = read_bytes(path[i], before[i], sizeof(after))) > 0);
	wl_ready_and_wait();
	read_layout(now);
	for (int i = 0; i < FIELDS; i++)
		if (now[i] != layout[i])
			wl_fail("field %d of stat is %lx, was %lx", fields[i], now[i], layout[i]);
	for (int i = 0; i < 3; i++) {
		wl_check_eq(read_bytes(path[i], after, sizeof(after)), size[i]);
		if (memcmp(before[i], after, size[i]))
			wl_fail("%s changed", path[i]);
	}
	wl_pass();
}
