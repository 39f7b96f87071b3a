/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on xfs, whose inode numbers and timestamps have their own ways: an open one with
 * preallocated blocks and a position, a deleted one with holes, a deleted folder, O_TMPFILE, and
 * mappings. The file system is made in a file, on a loop device.
 *
 * wl: areas files mounts
 * wl: needs root xfs
 * wl: cycles 2
 * wl: ignore fds
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

static const off_t far = 64 << 20;

int main(void)
{
	struct wl_fd open_state, gone_state, dir_state;
	char buf[16] = "", *shared, *own;
	int fd, gone, dir, nameless;
	struct stat st;

	wl_try(mkdir("mnt", 0755));
	if (system("truncate -s 400M image && mkfs.xfs -q image && mount -o loop image mnt"))
		wl_fail("no xfs");
	fd = wl_try(open("mnt/open", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "open", 4), 4);
	wl_try(posix_fallocate(fd, 0, 1 << 20) ? -1 : 0);
	shared = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	own = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	own[1] = 'P';
	gone = wl_try(open("mnt/gone", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(gone, "gone", 4), 4);
	wl_check_eq(pwrite(gone, "far", 3, far), 3);
	wl_try(unlink("mnt/gone"));
	wl_try(mkdir("mnt/dir", 0750));
	dir = wl_try(open("mnt/dir", O_RDONLY));
	wl_try(rmdir("mnt/dir"));
	nameless = wl_try(open("mnt", O_TMPFILE | O_RDWR, 0600));
	wl_check_eq(write(nameless, "nameless", 8), 8);
	wl_fd_save(fd, &open_state);
	wl_fd_save(gone, &gone_state);
	wl_fd_save(dir, &dir_state);
	wl_ready_and_wait();
	wl_fd_check(fd, &open_state);
	wl_fd_check(gone, &gone_state);
	wl_fd_check(dir, &dir_state);
	shared[0] = 'O';
	wl_check_eq(pread(fd, buf, 4, 0), 4);
	wl_check(!memcmp(buf, "Open", 4) && own[1] == 'P');
	wl_check_eq(pread(gone, buf, 4, 0), 4);
	wl_check(!memcmp(buf, "gone", 4));
	wl_check_eq(pread(gone, buf, 8, far), 3);
	wl_check(!memcmp(buf, "far", 3));
	wl_try(fstat(gone, &st));
	wl_check(st.st_blocks * 512 < far / 2);
	wl_check_eq(pread(nameless, buf, sizeof(buf), 0), 8);
	wl_check(!memcmp(buf, "nameless", 8));
	wl_try(umount2("mnt", MNT_DETACH));
	wl_pass();
}
