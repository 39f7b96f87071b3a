/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs snapshots: a file open in a subvolume and the same file (one inode number, another st_dev)
 * in a snapshot of it that is written meanwhile; one of a read-only snapshot; one in a subvolume
 * that is mounted on its own (subvol=); and a folder that is a subvolume. No two are taken for each
 * other.
 *
 * wl: areas files mounts
 * wl: needs root btrfs
 * wl: cycles 2
 * wl: crossing to CRIU takes all snapshots for files of the mount that it sees first
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

enum { ORIGIN, SNAPSHOT, READONLY, MOUNTED, COUNT };

int main(void)
{
	static const char *const want[COUNT] = { "Origin", "Snapsh", "origin", "Origin" };
	struct wl_fd state[COUNT], dir_state;
	char buf[16], *map[COUNT];
	int fd[COUNT], dir;
	struct stat st[COUNT];

	wl_try(mkdir("mnt", 0755));
	wl_try(mkdir("alone", 0755));
	if (system("truncate -s 256M image && mkfs.btrfs -q image && mount -o loop image mnt && "
		   "btrfs -q subvolume create mnt/sub"))
		wl_fail("no btrfs");
	wl_write_file("mnt/sub/file", "origin");
	if (system("btrfs -q subvolume snapshot mnt/sub mnt/snap && "
		   "btrfs -q subvolume snapshot -r mnt/sub mnt/ro && "
		   "mount -o subvol=sub $(findmnt -no SOURCE mnt) alone"))
		wl_fail("no snapshots");
	fd[ORIGIN] = wl_try(open("mnt/sub/file", O_RDWR));
	fd[SNAPSHOT] = wl_try(open("mnt/snap/file", O_RDWR));
	fd[READONLY] = wl_try(open("mnt/ro/file", O_RDONLY));
	fd[MOUNTED] = wl_try(open("alone/file", O_RDONLY));
	wl_check_eq(pwrite(fd[ORIGIN], "Origin", 6, 0), 6);
	wl_check_eq(pwrite(fd[SNAPSHOT], "Snapsh", 6, 0), 6);
	for (int i = 0; i < COUNT; i++) {
		wl_try(fstat(fd[i], &st[i]));
		wl_check_eq(st[i].st_ino, st[0].st_ino);
		map[i] = wl_try(mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd[i], 0));
		wl_fd_save(fd[i], &state[i]);
	}
	wl_check(st[ORIGIN].st_dev != st[SNAPSHOT].st_dev);
	dir = wl_try(open("mnt/snap", O_RDONLY));
	wl_fd_save(dir, &dir_state);
	wl_ready_and_wait();
	wl_fd_check(dir, &dir_state);
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_check_eq(pread(fd[i], buf, sizeof(buf), 0), 6);
		wl_check(!memcmp(buf, want[i], 6) && !memcmp(map[i], want[i], 6));
	}
	wl_try(umount2("alone", MNT_DETACH));
	wl_try(umount2("mnt", MNT_DETACH));
	wl_pass();
}
