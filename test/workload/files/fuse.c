/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on a file system in user space (FUSE; its server, bindfs, is outside of the tree): open
 * with a position, mapped privately and shared, a folder half read, the working directory, and a
 * deleted file, which FUSE keeps under a name of its own (.fuse_hidden…).
 *
 * wl: areas files mounts
 * wl: needs root program:bindfs fuse
 * wl: dump --link-remap
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd open_state, gone_state, cwd_state;
	char buf[16] = "", *shared, *own;
	int fd, gone, cwd, start = wl_try(open(".", O_PATH | O_DIRECTORY));
	struct statfs fs;

	wl_try(mkdir("real", 0755));
	wl_try(mkdir("mnt", 0755));
	/* The server leaves the session; as a child of init it is no part of the tree. */
	wl_check_eq(system("setsid bindfs --no-allow-other real mnt </dev/null >/dev/null 2>&1"),
		    0);
	wl_try(statfs("mnt", &fs));
	wl_check_eq(fs.f_type, FUSE_SUPER_MAGIC);
	fd = wl_try(open("mnt/open", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "open file", 9), 9);
	wl_check_eq(lseek(fd, 5, SEEK_SET), 5);
	own = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	shared = wl_try(mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd, 0));
	own[0] = 'O';
	gone = wl_try(open("mnt/gone", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(gone, "gone", 4), 4);
	wl_try(unlink("mnt/gone"));
	wl_try(mkdir("mnt/dir", 0755));
	cwd = wl_try(open("mnt/dir", O_RDONLY));
	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	wl_try(chdir("mnt/dir"));
	wl_fd_save(fd, &open_state);
	wl_fd_save(gone, &gone_state);
	wl_fd_save(cwd, &cwd_state);
	wl_ready_and_wait();
	wl_fd_check(fd, &open_state);
	wl_fd_check(cwd, &cwd_state);
	wl_fd_check(gone, &gone_state);
	wl_check_eq(read(fd, buf, sizeof(buf)), 4);
	wl_check(!strcmp(buf, "file"));
	wl_check(!memcmp(own, "Open", 4) && !memcmp(shared, "open", 4));
	wl_check_eq(pread(gone, buf, sizeof(buf), 0), 4);
	wl_check(!memcmp(buf, "gone", 4));
	wl_write_file("new", "x");
	wl_try(fchdir(start));
	wl_try(access("real/dir/new", F_OK));
	wl_try(umount2("mnt", MNT_DETACH));
	wl_pass();
}
