/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts over mounts: a file open below a bind mount, which lies over a tmpfs, which lies over a
 * directory with a file of the same name. The open one is the topmost's.
 *
 * wl: areas files mounts
 * wl: flavours host ns
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	char buf[16] = "";
	int fd;

	wl_try(mkdir("place", 0755));
	wl_try(mkdir("source", 0755));
	wl_write_file("place/file", "bottom");
	wl_write_file("source/file", "topmost");
	wl_try(mount("tmpfs", "place", "tmpfs", 0, NULL));
	wl_write_file("place/file", "middle");
	wl_try(mount("source", "place", NULL, MS_BIND, NULL));
	fd = wl_try(open("place/file", O_RDWR));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(read(fd, buf, sizeof(buf)), 7);
	wl_check(!strcmp(buf, "topmost"));
	close(fd);
	wl_try(umount2("place", MNT_DETACH));
	wl_check(!strcmp(wl_read_file("place/file"), "middle"));
	wl_try(umount2("place", MNT_DETACH));
	wl_pass();
}
