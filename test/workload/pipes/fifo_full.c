/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Full fifos of 64 KiB: one open read-write, one of which only a read-only descriptor is left. The
 * data come back byte for byte, and the files are still fifos of mode 0700.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { SIZE = 65536 };

static int fill(const char *path, uint32_t seed)
{
	char buf[SIZE];
	int fd;

	wl_try(mkfifo(path, 0700));
	fd = wl_try(open(path, O_RDWR | O_NONBLOCK));
	wl_fill(buf, SIZE, seed);
	wl_check_eq(write(fd, buf, SIZE), SIZE);
	wl_check(write(fd, buf, 1) < 0 && errno == EAGAIN);
	return fd;
}

static void check(int fd, const char *path, uint32_t seed)
{
	char buf[SIZE];
	struct stat st;
	size_t got = 0;

	while (got < SIZE) {
		ssize_t n = wl_try(read(fd, buf + got, SIZE - got));

		wl_check(n > 0);
		got += n;
	}
	wl_check(wl_matches(buf, SIZE, seed));
	wl_try(stat(path, &st));
	wl_check(S_ISFIFO(st.st_mode));
	wl_check_eq(st.st_mode & 07777, 0700);
}

int main(void)
{
	int both = fill("both", 1), writer = fill("one", 2), reader;
	struct wl_fd both_state, reader_state;
	char byte;

	reader = wl_try(open("one", O_RDONLY));
	close(writer);
	wl_fd_save(both, &both_state);
	wl_fd_save(reader, &reader_state);
	wl_ready_and_wait();
	wl_fd_check(both, &both_state);
	wl_fd_check(reader, &reader_state);
	wl_check(write(both, &byte, 1) < 0 && errno == EAGAIN);
	check(both, "both", 1);
	check(reader, "one", 2);
	wl_check(read(both, &byte, 1) < 0 && errno == EAGAIN);
	wl_check_eq(read(reader, &byte, 1), 0);
	wl_pass();
}
