/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A character device node (the null device's number, mode 0700) that was opened and unlinked:
 * mode and device number are the same, the name stays absent, and it still swallows what is
 * written.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char byte;
	int fd;

	wl_try(mknod("node", S_IFCHR | 0700, makedev(1, 3)));
	fd = wl_try(open("node", O_RDWR));
	wl_try(unlink("node"));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(write(fd, "x", 1), 1);
	wl_check_eq(read(fd, &byte, 1), 0);
	wl_check(unlink("node") < 0 && errno == ENOENT);
	wl_pass();
}
