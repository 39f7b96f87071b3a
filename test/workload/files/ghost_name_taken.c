/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of an unlinked open file was taken by a new file, which isn't open, and that of a
 * second one by a new file that is: sizes and contents of all are right, and the new ones are not
 * disturbed.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int old_file(const char *path, uint32_t seed)
{
	int fd = wl_try(open(path, O_RDWR | O_CREAT, 0644));
	char buf[1000];

	wl_fill(buf, sizeof(buf), seed);
	wl_check_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
	wl_try(unlink(path));
	return fd;
}

static void check_old(int fd, uint32_t seed)
{
	char buf[1001];
	struct stat st;

	wl_try(fstat(fd, &st));
	wl_check_eq(st.st_size, 1000);
	wl_check_eq(st.st_nlink, 0);
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), 1000);
	wl_check(wl_matches(buf, 1000, seed));
}

int main(void)
{
	int first = old_file("first", 1), second = old_file("second", 2), third;
	struct stat before, after;
	struct wl_fd state;

	wl_write_file("first", "new first");
	wl_write_file("second", "new second");
	third = wl_try(open("second", O_RDWR));
	wl_fd_save(third, &state);
	wl_try(stat("first", &before));
	wl_ready_and_wait();
	check_old(first, 1);
	check_old(second, 2);
	wl_fd_check(third, &state);
	wl_try(stat("first", &after));
	wl_check_eq(after.st_ino, before.st_ino);
	wl_check_eq(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	wl_check(!strcmp(wl_read_file("first"), "new first"));
	wl_check(!strcmp(wl_read_file("second"), "new second"));
	wl_pass();
}
