/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on a tmpfs of the host: open and mapped, and deleted.
 *
 * wl: areas files mounts
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd open_state, gone_state;
	char buf[16] = "", *map;
	int fd, gone;

	wl_try(mkdir("tmp", 0755));
	wl_try(mount("tmpfs", "tmp", "tmpfs", 0, NULL));
	fd = wl_try(open("tmp/open", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "open", 4), 4);
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	gone = wl_try(open("tmp/gone", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(gone, "gone", 4), 4);
	wl_try(unlink("tmp/gone"));
	wl_fd_save(fd, &open_state);
	wl_fd_save(gone, &gone_state);
	wl_ready_and_wait();
	wl_fd_check(fd, &open_state);
	wl_fd_check(gone, &gone_state);
	map[0] = 'O';
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), 4);
	wl_check(!strcmp(buf, "Open"));
	wl_check_eq(pread(gone, buf, sizeof(buf), 0), 4);
	wl_check(!strcmp(buf, "gone"));
	wl_try(umount2("tmp", MNT_DETACH));
	wl_pass();
}
