/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The areas that the kernel makes: [heap], [stack], [vdso], [vvar…], [vsyscall] stay where they
 * were, no other appears, and time can be read through vdso and vsyscall.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "workload.h"

/* Start address and name of every area in brackets, one a line. */
static char *special(void)
{
	char *text = wl_read_file("/proc/self/maps"), *rest = text, *line;
	char *out = calloc(1, 8192);

	while ((line = strsep(&rest, "\n"))) {
		char *name = strchr(line, '[');

		if (name && !strstr(name, "[heap]") && !strstr(name, "[stack]")) {
			strncat(out, line, strcspn(line, " "));
			strcat(strcat(out, name), "\n");
		} else if (name) {
			strncat(out, line, strstr(name, "heap") ? strcspn(line, "-") : 0);
			strcat(strcat(out, name), "\n");
		}
	}
	free(text);
	return out;
}

static bool has_vsyscall(void)
{
	char *text = wl_read_file("/proc/self/maps"), *line = strstr(text, "[vsyscall]");
	bool there = line != NULL;

	free(text);
	return there;
}

int main(void)
{
	/* time() of the vsyscall page, linux/arch/x86/include/uapi/asm/vsyscall.h. */
	time_t (*vsyscall_time)(time_t *) = (void *)0xffffffffff600400UL;
	char *before = special();
	struct timeval now;

	wl_ready_and_wait();
	wl_check_text("special areas", special(), before);
	wl_try(gettimeofday(&now, NULL));
	wl_check(now.tv_sec > 1700000000);
	if (has_vsyscall())
		wl_check(labs(vsyscall_time(NULL) - now.tv_sec) <= 1);
	wl_pass();
}
