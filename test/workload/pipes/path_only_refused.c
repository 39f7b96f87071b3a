/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An O_PATH descriptor of a pipe: there is no path by which it could be opened again. Refused by
 * name, and the pipe goes on.
 *
 * wl: areas pipes files
 * wl: expect dump-refused O_PATH descriptors of what has no path
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int ends[2], path;
	char byte;

	wl_try(pipe(ends));
	path = wl_try(open(wl_format("/proc/self/fd/%d", ends[0]), O_PATH));
	wl_ready_and_wait();
	wl_check_eq(write(ends[1], "x", 1), 1);
	wl_check_eq(read(ends[0], &byte, 1), 1);
	wl_check(read(path, &byte, 1) < 0 && errno == EBADF);
	wl_pass();
}
