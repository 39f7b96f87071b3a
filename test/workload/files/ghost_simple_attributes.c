/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As ghost_attributes, with what CRIU's images have a place for: size, mode, owner, times.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	struct wl_fd state;
	char buf[1000];

	wl_try(unlink("file"));
	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
	wl_try(fchmod(fd, 0640));
	wl_try(fchown(fd, 18943, 58467));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_pass();
}
