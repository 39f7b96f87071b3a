/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fifo opened with O_PATH: it is no end of the fifo, can't be read, keeps the flag, and leads to
 * the fifo through /proc/self/fd.
 *
 * wl: areas pipes files
 * wl: crossing to CRIU's dump takes it for an end of the fifo and fails
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char byte;
	int fd, both;

	wl_try(mkfifo("fifo", 0600));
	fd = wl_try(open("fifo", O_PATH | O_CLOEXEC));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check(state.flags & O_PATH);
	wl_check(read(fd, &byte, 1) < 0 && errno == EBADF);
	/* Nobody else has it open. */
	wl_check(open("fifo", O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO);
	both = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDWR));
	wl_check_eq(write(both, "x", 1), 1);
	wl_check_eq(read(both, &byte, 1), 1);
	wl_pass();
}
