/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file is hidden by a tmpfs mounted over its directory: the path no longer leads to it,
 * the dump is refused, and the program goes on.
 *
 * wl: areas files mounts
 * wl: expect dump-refused dir/hidden-file
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

	wl_try(mkdir("dir", 0755));
	wl_write_file("dir/hidden-file", "hidden");
	fd = wl_try(open("dir/hidden-file", O_RDWR));
	wl_try(mount("tmpfs", "dir", "tmpfs", 0, NULL));
	wl_ready_and_wait();
	wl_check_eq(read(fd, buf, sizeof(buf)), 6);
	wl_check(!strcmp(buf, "hidden"));
	wl_try(umount2("dir", MNT_DETACH));
	wl_pass();
}
