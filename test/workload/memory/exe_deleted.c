/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's binary is a copy in the working directory that was deleted while it runs: exe
 * link, contents of the binary read through it, and its code go on.
 *
 * wl: areas memory files
 * wl: dump --ghost-limit 8M
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static void run_copy(char **argv)
{
	int in = wl_try(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	int out = wl_try(open("copy", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
	struct stat st;

	wl_try(fstat(in, &st));
	for (off_t done = 0; done < st.st_size;)
		done += wl_try(sendfile(out, in, NULL, st.st_size - done));
	close(out);
	wl_try(setenv("WL_IS_COPY", "1", 1));
	wl_try(execv("copy", argv));
}

static uint64_t checksum(const char *path)
{
	uint64_t sum = 14695981039346656037ULL;
	unsigned char buf[4096];
	int fd = wl_try(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n;

	while ((n = wl_try(read(fd, buf, sizeof(buf)))) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum = (sum ^ buf[i]) * 1099511628211ULL;
	close(fd);
	return sum;
}

int main(int argc, char **argv)
{
	char link[4096] = "";
	uint64_t sum;
	struct stat st;

	(void)argc;
	if (!getenv("WL_IS_COPY"))
		run_copy(argv);
	wl_try(unlink("copy"));
	sum = checksum("/proc/self/exe");
	wl_ready_and_wait();
	wl_try(readlink("/proc/self/exe", link, sizeof(link) - 1));
	if (!strstr(link, "/copy") || !strstr(link, " (deleted)"))
		wl_fail("the exe link is '%s'", link);
	wl_try(stat("/proc/self/exe", &st));
	wl_check_eq(st.st_nlink, 0);
	wl_check(checksum("/proc/self/exe") == sum);
	wl_check(access("copy", F_OK) < 0 && errno == ENOENT);
	wl_pass();
}
