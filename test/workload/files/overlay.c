/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file open for writing on an overlay mount, one only in the lower layer opened for reading, a
 * deleted one, and a mapping: paths and devices differ from those of the layers.
 *
 * wl: areas files mounts
 * wl: flavours host ns
 * wl: needs overlayfs
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
	struct wl_fd write_state, read_state;
	char buf[16] = "", *map;
	int writer, reader, gone;

	wl_try(mkdir("base", 0755));
	wl_try(mount("tmpfs", "base", "tmpfs", 0, NULL));
	wl_try(mkdir("base/lower", 0755));
	wl_try(mkdir("base/upper", 0755));
	wl_try(mkdir("base/work", 0755));
	wl_write_file("base/lower/file", "lower");
	wl_write_file("base/lower/gone", "gone");
	wl_try(mkdir("over", 0755));
	wl_try(mount("overlay", "over", "overlay", 0,
		     "lowerdir=base/lower,upperdir=base/upper,workdir=base/work"));
	reader = wl_try(open("over/file", O_RDONLY));
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ, MAP_PRIVATE, reader, 0));
	writer = wl_try(open("over/new", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(writer, "upper", 5), 5);
	gone = wl_try(open("over/gone", O_RDWR));
	wl_try(unlink("over/gone"));
	wl_fd_save(writer, &write_state);
	wl_fd_save(reader, &read_state);
	wl_ready_and_wait();
	wl_fd_check(writer, &write_state);
	wl_fd_check(reader, &read_state);
	wl_check_eq(read(reader, buf, sizeof(buf)), 5);
	wl_check(!strcmp(buf, "lower") && !memcmp(map, "lower", 5));
	wl_check_eq(write(writer, "!", 1), 1);
	wl_check(!strcmp(wl_read_file("over/new"), "upper!"));
	wl_check_eq(pread(gone, buf, sizeof(buf), 0), 4);
	wl_check(!memcmp(buf, "gone", 4));
	wl_try(umount2("over", MNT_DETACH));
	wl_try(umount2("base", MNT_DETACH));
	wl_pass();
}
