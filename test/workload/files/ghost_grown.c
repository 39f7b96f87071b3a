/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write-only open file is unlinked, and then grown to 1000 bytes: fstat() and seeking to the end
 * give that size, and the tool never needed to read through the program's descriptor.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(open("file", O_WRONLY | O_CREAT, 0200));
	struct wl_fd state;
	char buf[1000];
	int reader;

	wl_try(unlink("file"));
	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(lseek(fd, 0, SEEK_END), 1000);
	reader = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDONLY));
	wl_check_eq(read(reader, buf, sizeof(buf)), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_pass();
}
