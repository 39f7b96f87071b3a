/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file is unlinked, then grown, and gets another mode, owner, times and extended
 * attributes: all of it is kept, with the offset 0 and the data.
 *
 * wl: areas files
 * wl: cycles 3
 * wl: crossing none CRIU keeps no extended attributes and no nanoseconds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const struct timespec times[2] = { { 1000000001, 123456789 }, { 1100000002, 987654321 } };
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	struct wl_fd state;
	struct stat st;
	char buf[1000], value[16];

	wl_try(unlink("file"));
	wl_fill(buf, sizeof(buf), 1);
	wl_check_eq(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
	wl_try(fchown(fd, 18943, 58467));
	wl_try(fchmod(fd, 04711));
	wl_try(fsetxattr(fd, "user.colour", "blue", 4, 0));
	wl_try(fsetxattr(fd, "trusted.secret", "\0\1\2", 3, 0));
	wl_try(futimens(fd, times));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_try(fstat(fd, &st));
	wl_check_eq(st.st_mode & 07777, 04711);
	wl_check_eq(st.st_mtim.tv_nsec, times[1].tv_nsec);
	wl_check_eq(st.st_atim.tv_sec, times[0].tv_sec);
	wl_check_eq(st.st_atim.tv_nsec, times[0].tv_nsec);
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_check_eq(fgetxattr(fd, "user.colour", value, sizeof(value)), 4);
	wl_check(!memcmp(value, "blue", 4));
	wl_check_eq(fgetxattr(fd, "trusted.secret", value, sizeof(value)), 3);
	wl_check(!memcmp(value, "\0\1\2", 3));
	wl_check(access("file", F_OK) < 0);
	wl_pass();
}
