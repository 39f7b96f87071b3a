/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file has two hard links, one opened write-only and the other read-only; both names are
 * removed. Both descriptors are one inode afterwards, of size 1000; what one writes the other
 * reads.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd write_state, read_state;
	struct stat a, b;
	char byte = 'x', buf[1000];
	int writer, reader;

	writer = wl_try(open("one", O_WRONLY | O_CREAT, 0644));
	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(write(writer, buf, sizeof(buf)), sizeof(buf));
	wl_try(link("one", "two"));
	reader = wl_try(open("two", O_RDONLY));
	wl_try(unlink("one"));
	wl_try(unlink("two"));
	wl_fd_save(writer, &write_state);
	wl_fd_save(reader, &read_state);
	wl_ready_and_wait();
	wl_fd_check(writer, &write_state);
	wl_fd_check(reader, &read_state);
	wl_try(fstat(writer, &a));
	wl_try(fstat(reader, &b));
	wl_check_eq(a.st_ino, b.st_ino);
	wl_check_eq(a.st_dev, b.st_dev);
	wl_check_eq(a.st_size, 1000);
	wl_check_eq(read(reader, buf, sizeof(buf)), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_check_eq(write(writer, &byte, 1), 1);
	wl_check_eq(read(reader, buf, sizeof(buf)), 1);
	wl_check_eq(buf[0], 'x');
	wl_check(access("one", F_OK) < 0 && access("two", F_OK) < 0);
	wl_pass();
}
