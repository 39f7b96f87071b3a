/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fifo, opened read-write and unlinked: data can be passed through it afterwards, what was
 * queued comes first, and it can be closed.
 *
 * wl: areas pipes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char buf[16] = "";
	int fd;

	wl_try(mkfifo("fifo", 0640));
	fd = wl_try(open("fifo", O_RDWR));
	wl_try(unlink("fifo"));
	wl_check_eq(write(fd, "first ", 6), 6);
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check(S_ISFIFO(state.mode));
	wl_check_eq(write(fd, "second", 6), 6);
	wl_check_eq(read(fd, buf, sizeof(buf)), 12);
	wl_check(!strcmp(buf, "first second"));
	wl_check(access("fifo", F_OK) < 0 && errno == ENOENT);
	wl_try(close(fd));
	wl_pass();
}
