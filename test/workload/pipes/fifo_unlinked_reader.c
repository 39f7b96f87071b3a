/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fifo with 256 bytes queued was unlinked, and only a read-only descriptor is left: the data are
 * read from it, and then the end of file.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char buf[512];
	int reader, writer;

	wl_try(mkfifo("fifo", 0600));
	writer = wl_try(open("fifo", O_RDWR));
	reader = wl_try(open("fifo", O_RDONLY));
	wl_fill(buf, 256, 1);
	wl_check_eq(write(writer, buf, 256), 256);
	wl_try(unlink("fifo"));
	close(writer);
	wl_fd_save(reader, &state);
	wl_ready_and_wait();
	wl_fd_check(reader, &state);
	wl_check_eq(read(reader, buf, sizeof(buf)), 256);
	wl_check(wl_matches(buf, 256, 1));
	wl_check_eq(read(reader, buf, sizeof(buf)), 0);
	wl_pass();
}
