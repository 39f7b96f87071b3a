/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_PATH descriptors of what has no ordinary file behind it: a memfd, /proc
 * files and folders, the working directory after its removal, a mount's root, a folder without
 * permissions, and a descriptor that is O_PATH already. Each is O_PATH still, of the same kind, and
 * where it was opened from another descriptor, of the same inode as that.
 *
 * wl: areas files
 * wl: needs root
 * wl: cycles 2
 * wl: crossing none CRIU seeks in an O_PATH memfd and fails
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { MEMORY, PROC_FILE, PROC_DIR, GONE, ROOT, CLOSED, AGAIN, COUNT };

static int path_of(int fd)
{
	return wl_try(open(wl_format("/proc/self/fd/%d", fd), O_PATH));
}

int main(void)
{
	struct wl_fd state[COUNT];
	int fd[COUNT], from[COUNT];
	struct stat a, b;

	for (int i = 0; i < COUNT; i++)
		from[i] = -1;
	from[MEMORY] = wl_try(memfd_create("memory", 0));
	wl_try(mkdir("gone", 0700));
	from[GONE] = wl_try(open("gone", O_RDONLY | O_DIRECTORY));
	wl_try(rmdir("gone"));
	from[AGAIN] = wl_try(open(".", O_PATH));
	for (int i = 0; i < COUNT; i++)
		if (from[i] >= 0)
			fd[i] = path_of(from[i]);
	fd[PROC_FILE] = wl_try(open("/proc/self/status", O_PATH));
	fd[PROC_DIR] = wl_try(open("/proc/self/fd", O_PATH | O_DIRECTORY));
	fd[ROOT] = wl_try(open("/", O_PATH));
	wl_try(mkdir("closed", 0));
	fd[CLOSED] = wl_try(open("closed", O_PATH | O_CLOEXEC));
	for (int i = 0; i < COUNT; i++)
		wl_fd_save(fd[i], &state[i]);
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		char *flags = wl_field(wl_format("/proc/self/fdinfo/%d", fd[i]), "flags"), byte;

		if (!(strtoul(flags, NULL, 8) & O_PATH))
			wl_fail("descriptor %d is no O_PATH any more", i);
		wl_check(read(fd[i], &byte, 1) < 0 && errno == EBADF);
		wl_try(fstat(fd[i], &a));
		wl_check_eq(a.st_mode, state[i].mode);
		wl_check_eq(fcntl(fd[i], F_GETFD), state[i].fd_flags);
		if (from[i] < 0)
			continue;
		wl_try(fstat(from[i], &b));
		wl_check(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	}
	wl_pass();
}
