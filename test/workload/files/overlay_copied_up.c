/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlay: a file of the lower layer was opened for reading and mapped, and then copied up because
 * another descriptor wrote to it. The overlay shows one inode, but the old descriptor and the old
 * mapping go on to show the lower layer's contents, until they are opened anew: a restored one
 * shows what the name leads to. A file that was copied up by a change of its mode alone, and a
 * folder half read that has entries from both layers.
 *
 * wl: areas files mounts
 * wl: needs overlayfs
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { ENTRIES = 400, HALF = 150 };

static int read_names(DIR *dir, int limit, char *seen)
{
	struct dirent *d;
	int number, count = 0;

	while (count < limit && (d = readdir(dir))) {
		if (sscanf(d->d_name, "entry-%d", &number) != 1)
			continue;
		if (seen[number]++)
			wl_fail("%s comes twice", d->d_name);
		count++;
	}
	return count;
}

static void make_layers(void)
{
	wl_try(mkdir("base", 0755));
	wl_try(mount("tmpfs", "base", "tmpfs", 0, NULL));
	wl_try(mkdir("base/lower", 0755));
	wl_try(mkdir("base/upper", 0755));
	wl_try(mkdir("base/work", 0755));
	wl_try(mkdir("base/lower/dir", 0755));
	wl_write_file("base/lower/written", "lower");
	wl_write_file("base/lower/mode", "mode");
	for (int i = 0; i < ENTRIES; i += 2)
		wl_write_file(wl_format("base/lower/dir/entry-%d", i), "");
	wl_try(mkdir("over", 0755));
	wl_try(mount("overlay", "over", "overlay", 0,
		     "lowerdir=base/lower,upperdir=base/upper,workdir=base/work"));
	for (int i = 1; i < ENTRIES; i += 2)
		wl_write_file(wl_format("over/dir/entry-%d", i), "");
}

int main(void)
{
	struct wl_fd reader_state, writer_state, mode_state, dir_state;
	char buf[16] = "", *map, seen[ENTRIES] = "";
	int reader, writer, mode;
	DIR *dir;

	make_layers();
	reader = wl_try(open("over/written", O_RDONLY));
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ, MAP_PRIVATE, reader, 0));
	wl_check(!memcmp(map, "lower", 5));
	mode = wl_try(open("over/mode", O_RDONLY));
	wl_try(chmod("over/mode", 0600));
	writer = wl_try(open("over/written", O_RDWR));
	wl_check_eq(write(writer, "UPPER", 5), 5);
	wl_try(access("base/upper/written", F_OK));
	wl_try(access("base/upper/mode", F_OK));
	wl_check_eq(lseek(reader, 2, SEEK_SET), 2);
	dir = fdopendir(wl_try(open("over/dir", O_RDONLY)));
	wl_check(dir);
	wl_check_eq(read_names(dir, HALF, seen), HALF);
	wl_fd_save(reader, &reader_state);
	wl_fd_save(writer, &writer_state);
	wl_fd_save(mode, &mode_state);
	wl_fd_save(dirfd(dir), &dir_state);
	wl_ready_and_wait();
	wl_fd_check(reader, &reader_state);
	wl_fd_check(writer, &writer_state);
	wl_fd_check(mode, &mode_state);
	wl_fd_check(dirfd(dir), &dir_state);
	wl_check_eq(read_names(dir, ENTRIES, seen), ENTRIES - HALF);
	wl_check_eq(read(reader, buf, sizeof(buf)), 3);
	wl_check(!strcmp(buf, "PER"));
	wl_check(!memcmp(map, "UPPER", 5) || !memcmp(map, "lower", 5));
	wl_check_eq(read(mode, buf, sizeof(buf)), 4);
	wl_check(!memcmp(buf, "mode", 4));
	wl_check(!strcmp(wl_read_file("base/lower/written"), "lower"));
	wl_try(umount2("over", MNT_DETACH));
	wl_try(umount2("base", MNT_DETACH));
	wl_pass();
}
