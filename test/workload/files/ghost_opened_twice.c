/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unlinked file, opened twice: after the restore a child writes 1 MB through the one, and the
 * parent reads it by the other. The name stays absent.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	enum { SIZE = 1000000 };
	int writer = wl_try(open("file", O_WRONLY | O_CREAT, 0644));
	int reader = wl_try(open("file", O_RDONLY));
	char *buf = malloc(SIZE);
	pid_t pid;

	wl_check(buf);
	wl_try(unlink("file"));
	pid = wl_fork_awaited();
	if (pid == 0) {
		close(reader);
		wl_child_wait();
		wl_fill(buf, SIZE, 1);
		wl_check_eq(write(writer, buf, SIZE), SIZE);
		_exit(0);
	}
	close(writer);
	wl_ready_and_wait();
	wl_finish(pid);
	wl_check_eq(read(reader, buf, SIZE), SIZE);
	wl_check(wl_matches(buf, SIZE, 1));
	wl_check_eq(read(reader, buf, 1), 0);
	wl_check(access("file", F_OK) < 0 && errno == ENOENT);
	wl_pass();
}
