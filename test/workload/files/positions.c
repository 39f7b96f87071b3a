/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three files of 1 MB: one written to the half through a write-only descriptor, which goes on
 * there; one half read, which goes on at 500000; one written and closed before.
 *
 * wl: areas files
 *	wl: flavours host user unpriv
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

enum { SIZE = 1000000, HALF = 500000 };

static void check_file(const char *path, uint32_t seed)
{
	char *buf = malloc(SIZE + 1);
	int fd = wl_try(open(path, O_RDONLY));

	wl_check_eq(read(fd, buf, SIZE + 1), SIZE);
	wl_check(wl_matches(buf, SIZE, seed));
	close(fd);
	free(buf);
}

int main(void)
{
	char *data = malloc(SIZE), *back = malloc(SIZE);
	int writer, reader, closed;
	struct wl_fd write_state, read_state;

	wl_check(data && back);
	wl_fill(data, SIZE, 1);
	writer = wl_try(open("written", O_WRONLY | O_CREAT, 0644));
	wl_check_eq(write(writer, data, HALF), HALF);
	closed = wl_try(open("closed", O_WRONLY | O_CREAT, 0644));
	wl_check_eq(write(closed, data, SIZE), SIZE);
	close(closed);
	reader = wl_try(open("closed", O_RDONLY));
	wl_check_eq(read(reader, back, HALF), HALF);
	wl_fd_save(writer, &write_state);
	wl_fd_save(reader, &read_state);
	wl_ready_and_wait();
	wl_fd_check(writer, &write_state);
	wl_fd_check(reader, &read_state);
	wl_check_eq(write(writer, data + HALF, SIZE - HALF), SIZE - HALF);
	check_file("written", 1);
	wl_check_eq(read(reader, back + HALF, SIZE - HALF), SIZE - HALF);
	wl_check_eq(read(reader, back, 1), 0);
	wl_check(!memcmp(back, data, SIZE));
	check_file("closed", 1);
	wl_pass();
}
