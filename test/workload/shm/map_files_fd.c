/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor on an anonymous shared mapping, got through /proc/self/map_files, cut by
 * ftruncate(), in append mode, while the mapping itself is gone: flags, descriptor flags, file
 * system type, offset 3 and contents.
 *
 * wl: areas shm files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t size = 4 * getpagesize();
	char *area =
		wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char buf[8];
	struct statfs fs;
	struct wl_fd state, now;
	int fd;

	fd = wl_try(open(wl_format("/proc/self/map_files/%lx-%lx", (uintptr_t)area,
				   (uintptr_t)area + size),
			 O_RDWR | O_CLOEXEC));
	wl_try(munmap(area, size));
	wl_try(ftruncate(fd, 5));
	wl_check_eq(pwrite(fd, "abcde", 5, 0), 5);
	wl_try(fcntl(fd, F_SETFL, O_APPEND));
	wl_check_eq(lseek(fd, 3, SEEK_SET), 3);
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	/* Nobody looks at the times of memory. */
	wl_fd_save(fd, &now);
	state.mtime_sec = now.mtime_sec;
	state.mtime_nsec = now.mtime_nsec;
	wl_fd_check(fd, &state);
	wl_try(fstatfs(fd, &fs));
	wl_check_eq(fs.f_type, TMPFS_MAGIC);
	wl_check_eq(read(fd, buf, sizeof(buf)), 2);
	wl_check(buf[0] == 'd' && buf[1] == 'e');
	wl_check_eq(write(fd, "f", 1), 1);
	wl_check_eq(lseek(fd, 0, SEEK_CUR), 6);
	wl_pass();
}
