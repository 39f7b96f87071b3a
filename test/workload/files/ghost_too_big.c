/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deleted file of 3 MiB is over the default ghost limit of 1 MiB: the dump is refused, and the
 * program goes on with its file.
 *
 * wl: areas files
 * wl: expect dump-refused too-big
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const size_t size = 3 << 20;
	int fd = wl_try(open("too-big", O_RDWR | O_CREAT, 0644));
	char *buf = malloc(size);
	struct wl_fd state;

	wl_check(buf);
	wl_fill(buf, size, 1);
	wl_check_eq(write(fd, buf, size), size);
	wl_try(unlink("too-big"));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(pread(fd, buf, size, 0), size);
	wl_check(wl_matches(buf, size, 1));
	wl_pass();
}
