/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files opened through magic links: /proc/self/fd of a file and of a removed one (another
 * description of the same inode, other flags and position), /proc/self/map_files of a mapping of a
 * file, of a removed file and of a file only mapped, /proc/self/exe, and /proc/self/cwd. None
 * becomes the description that it was opened from.
 *
 * wl: areas files
 * wl: needs root
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { FILE_FD, GONE_FD, FILE_MAP, GONE_MAP, ONLY_MAP, EXE, CWD, COUNT };

static int through_map(const char *map, int flags)
{
	return wl_try(open(wl_format("/proc/self/map_files/%lx-%lx", (uintptr_t)map,
				     (uintptr_t)map + getpagesize()),
			   flags));
}

static char *map(int fd)
{
	return wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

static int make(const char *path, const char *text)
{
	int fd = wl_try(open(path, O_RDWR | O_CREAT, 0644));

	wl_check_eq(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

int main(void)
{
	int file = make("file", "file text"), gone = make("gone", "gone text");
	int only = make("only", "only text"), fd[COUNT];
	char *file_map = map(file), *gone_map = map(gone), *only_map = map(only), buf[16] = "";
	struct wl_fd state[COUNT];
	struct stat a, b;

	wl_try(unlink("gone"));
	wl_try(unlink("only"));
	close(only);
	fd[FILE_FD] = wl_try(open(wl_format("/proc/self/fd/%d", file), O_WRONLY | O_APPEND));
	fd[GONE_FD] = wl_try(open(wl_format("/proc/self/fd/%d", gone), O_RDONLY | O_CLOEXEC));
	fd[FILE_MAP] = through_map(file_map, O_RDONLY);
	fd[GONE_MAP] = through_map(gone_map, O_RDWR);
	fd[ONLY_MAP] = through_map(only_map, O_RDWR);
	fd[EXE] = wl_try(open("/proc/self/exe", O_RDONLY));
	fd[CWD] = wl_try(open("/proc/self/cwd", O_RDONLY));
	for (int i = 0; i < COUNT; i++) {
		if (i != FILE_FD && i != CWD)
			wl_check_eq(lseek(fd[i], i, SEEK_SET), i);
		wl_fd_save(fd[i], &state[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_check(!wl_same_description(getpid(), fd[i], getpid(), file));
		wl_check(!wl_same_description(getpid(), fd[i], getpid(), gone));
	}
	wl_check_eq(write(fd[FILE_FD], "!", 1), 1);
	wl_check_eq(pread(fd[FILE_MAP], buf, sizeof(buf), 0), 10);
	wl_check(!strcmp(buf, "file text!"));
	wl_try(fstat(gone, &a));
	for (int i = GONE_FD; i <= GONE_MAP; i += GONE_MAP - GONE_FD) {
		wl_try(fstat(fd[i], &b));
		wl_check_eq(a.st_ino, b.st_ino);
	}
	gone_map[0] = 'G';
	wl_check_eq(pread(fd[GONE_FD], buf, 9, 0), 9);
	wl_check(!memcmp(buf, "Gone text", 9));
	wl_check_eq(pwrite(fd[ONLY_MAP], "O", 1, 0), 1);
	wl_check(!memcmp(only_map, "Only text", 9));
	wl_pass();
}
