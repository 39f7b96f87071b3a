/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As link_in_parent, on a tmpfs that was mounted in a mount namespace of the tree's own: the
 * directory is removed, and the file has a link in the directory above.
 *
 * wl: areas files mounts
 * wl: flavours host ns
 * wl: dump --link-remap
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
	char buf[16] = "";
	int fd;

	wl_try(mkdir("tmp", 0755));
	wl_try(mount("tmpfs", "tmp", "tmpfs", 0, NULL));
	wl_try(mkdir("tmp/dir", 0755));
	fd = wl_try(open("tmp/dir/file", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "content", 7), 7);
	wl_try(link("tmp/dir/file", "tmp/other"));
	wl_try(unlink("tmp/dir/file"));
	wl_try(rmdir("tmp/dir"));
	wl_ready_and_wait();
	wl_check_eq(pread(fd, buf, sizeof(buf), 0), 7);
	wl_check(!strcmp(buf, "content"));
	close(fd);
	wl_try(umount2("tmp", MNT_DETACH));
	wl_pass();
}
