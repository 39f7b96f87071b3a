/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fifo with one non-blocking read descriptor and one for writing, unlinked: both are ends of
 * one pipe afterwards, and only the one is non-blocking.
 *
 * wl: areas pipes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd read_state, write_state;
	struct stat a, b;
	char buf[16];
	int reader, writer;

	wl_try(mkfifo("fifo", 0600));
	reader = wl_try(open("fifo", O_RDONLY | O_NONBLOCK));
	writer = wl_try(open("fifo", O_WRONLY));
	wl_try(unlink("fifo"));
	wl_fd_save(reader, &read_state);
	wl_fd_save(writer, &write_state);
	wl_ready_and_wait();
	wl_fd_check(reader, &read_state);
	wl_fd_check(writer, &write_state);
	wl_try(fstat(reader, &a));
	wl_try(fstat(writer, &b));
	wl_check_eq(a.st_ino, b.st_ino);
	wl_check(read(reader, buf, sizeof(buf)) < 0 && errno == EAGAIN);
	wl_check_eq(write(writer, "hello", 5), 5);
	wl_check_eq(read(reader, buf, sizeof(buf)), 5);
	close(writer);
	wl_check_eq(read(reader, buf, sizeof(buf)), 0);
	wl_pass();
}
