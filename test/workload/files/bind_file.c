/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bind mounts: a single file mounted over another one, open and mapped by the name of the place; a
 * folder mounted elsewhere, with an open file and the working directory in it; a file below a mount
 * that was mounted over and uncovered again; a read-only bind mount.
 *
 * wl: areas files mounts
 * wl: needs root
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state[4];
	char buf[16] = "", *map;
	int fd[4], start = wl_try(open(".", O_PATH | O_DIRECTORY));

	wl_write_file("source", "source");
	wl_write_file("place", "place");
	wl_try(mount("source", "place", NULL, MS_BIND, NULL));
	fd[0] = wl_try(open("place", O_RDWR));
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd[0], 0));
	wl_try(mkdir("dir", 0755));
	wl_try(mkdir("dir/sub", 0755));
	wl_write_file("dir/sub/file", "file");
	wl_try(mkdir("there", 0755));
	wl_try(mount("dir", "there", NULL, MS_BIND, NULL));
	fd[1] = wl_try(open("there/sub/file", O_RDONLY));
	fd[2] = wl_try(open("dir/sub/file", O_RDONLY));
	wl_try(mount("dir", "dir/sub", NULL, MS_BIND, NULL));
	wl_try(umount2("dir/sub", 0));
	wl_try(mkdir("ro", 0755));
	wl_try(mount("dir", "ro", NULL, MS_BIND, NULL));
	wl_try(mount(NULL, "ro", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	fd[3] = wl_try(open("ro/sub/file", O_RDONLY));
	for (int i = 0; i < 4; i++)
		wl_fd_save(fd[i], &state[i]);
	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	wl_try(chdir("there/sub"));
	wl_ready_and_wait();
	for (int i = 0; i < 4; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_check(!memcmp(map, "source", 6));
	wl_check_eq(pwrite(fd[0], "S", 1, 0), 1);
	wl_check_eq(map[0], 'S');
	wl_check_eq(read(fd[1], buf, sizeof(buf)), 4);
	wl_check(openat(AT_FDCWD, wl_format("/proc/self/fd/%d", fd[3]), O_RDWR) < 0 &&
		 errno == EROFS);
	wl_try(fchdir(start));
	wl_try(umount2("ro", MNT_DETACH));
	wl_try(umount2("there", MNT_DETACH));
	wl_try(umount2("place", MNT_DETACH));
	wl_pass();
}
