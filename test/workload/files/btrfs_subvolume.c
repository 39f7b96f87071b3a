/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in a btrfs subvolume, where st_dev isn't the device of the mount: an open one, a deleted
 * one, and mappings. The file system is made in a file, on a loop device.
 *
 * wl: areas files mounts
 * wl: needs btrfs
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

static void run(const char *command)
{
	int status = system(command);

	if (status)
		wl_fail("'%s' ended with status 0x%x", command, status);
}

int main(void)
{
	struct wl_fd open_state, gone_state;
	char buf[16] = "", *shared, *own;
	int fd, gone;

	wl_try(mkdir("mnt", 0755));
	run("truncate -s 256M image && mkfs.btrfs -q image && mount -o loop image mnt && "
	    "btrfs -q subvolume create mnt/sub");
	fd = wl_try(open("mnt/sub/open", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "open", 4), 4);
	shared = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	own = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	gone = wl_try(open("mnt/sub/gone", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(gone, "gone", 4), 4);
	wl_try(unlink("mnt/sub/gone"));
	wl_fd_save(fd, &open_state);
	wl_fd_save(gone, &gone_state);
	wl_ready_and_wait();
	wl_fd_check(fd, &open_state);
	wl_fd_check(gone, &gone_state);
	shared[0] = 'O';
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), 4);
	wl_check(!strcmp(buf, "Open") && !memcmp(own, "Open", 4));
	wl_check_eq(pread(gone, buf, sizeof(buf), 0), 4);
	wl_check(!strcmp(buf, "gone"));
	wl_try(umount2("mnt", MNT_DETACH));
	wl_pass();
}
