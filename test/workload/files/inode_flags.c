/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with inode flags (chattr): an append-only one, open for appending, and an immutable one,
 * open for reading and mapped privately. (One that was open for writing before it became immutable
 * can't be opened so again: test/cli/inode_flags.py.)
 *
 * wl: areas files
 * wl: needs root inode_flags
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int flags_of(int fd)
{
	int flags = 0;

	wl_try(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	return flags;
}

static void set_flags(const char *path, int add, int drop)
{
	int fd = wl_try(open(path, O_RDONLY)), flags = (flags_of(fd) | add) & ~drop;

	wl_try(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	close(fd);
}

int main(void)
{
	struct wl_fd append_state, fixed_state;
	char buf[16] = "", *map;
	int append, fixed;

	append = wl_try(open("append", O_WRONLY | O_CREAT | O_APPEND, 0644));
	wl_check_eq(write(append, "one", 3), 3);
	wl_write_file("fixed", "fixed");
	set_flags("append", FS_APPEND_FL, 0);
	set_flags("fixed", FS_IMMUTABLE_FL, 0);
	fixed = wl_try(open("fixed", O_RDONLY));
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fixed, 0));
	map[0] = 'F';
	wl_fd_save(append, &append_state);
	wl_fd_save(fixed, &fixed_state);
	wl_ready_and_wait();
	wl_fd_check(append, &append_state);
	wl_fd_check(fixed, &fixed_state);
	wl_check(flags_of(append) & FS_APPEND_FL);
	wl_check(flags_of(fixed) & FS_IMMUTABLE_FL);
	wl_check_eq(write(append, "two", 3), 3);
	wl_check(!strcmp(wl_read_file("append"), "onetwo"));
	wl_check(!memcmp(map, "Fixed", 5));
	wl_check_eq(read(fixed, buf, sizeof(buf)), 5);
	wl_check(open("fixed", O_RDWR) < 0 && errno == EPERM);
	set_flags("append", 0, FS_APPEND_FL);
	set_flags("fixed", 0, FS_IMMUTABLE_FL);
	wl_pass();
}
