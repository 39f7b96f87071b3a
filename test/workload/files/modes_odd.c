/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors in odd states: opened for neither reading nor writing (access mode 3), all
 * synchronous and direct flags at once, a position beyond the end of the file, a directory in the
 * middle of a listing, a file opened for writing that was made read-only since, numbers above the
 * limit of descriptors.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static long list(int fd, char *names)
{
	char buf[128];
	long n = wl_try(syscall(SYS_getdents64, fd, buf, sizeof(buf)));

	for (long at = 0; at < n;) {
		struct dirent64 *e = (void *)(buf + at);

		strcat(strcat(names, e->d_name), "|");
		at += e->d_reclen;
	}
	return n;
}

int main(void)
{
	struct rlimit limit = { 64, 1024 };
	struct wl_fd state[6];
	char want[8192] = "", got[8192] = "";
	int fd[6];

	fd[0] = wl_try(open("file", O_RDWR | O_CREAT, 0600));
	wl_try(ftruncate(fd[0], 4096));
	wl_try(lseek(fd[0], 1LL << 40, SEEK_SET));
	fd[1] = wl_try(open("file", O_ACCMODE));
	fd[2] = wl_try(
		open("file", O_WRONLY | O_APPEND | O_DIRECT | O_SYNC | O_NOATIME | O_NONBLOCK));
	wl_try(lseek(fd[2], 4096, SEEK_SET));
	fd[3] = wl_try(open("file", O_WRONLY | O_DSYNC));
	wl_try(mkdir("dir", 0700));
	for (int i = 0; i < 100; i++)
		close(wl_try(open(wl_format("dir/%d", i), O_CREAT | O_RDWR, 0600)));
	fd[4] = wl_try(open("dir", O_RDONLY));
	list(fd[4], want);
	want[0] = 0;
	fd[5] = wl_try(fcntl(fd[0], F_DUPFD_CLOEXEC, 1023));
	wl_try(setrlimit(RLIMIT_NOFILE, &limit));
	wl_try(chmod("file", 0400));
	for (int i = 0; i < 6; i++)
		wl_fd_save(fd[i], &state[i]);
	{
		long pos = wl_try(lseek(fd[4], 0, SEEK_CUR));

		while (list(fd[4], want))
			;
		wl_try(lseek(fd[4], pos, SEEK_SET));
	}
	wl_ready_and_wait();
	for (int i = 0; i < 6; i++)
		wl_fd_check(fd[i], &state[i]);
	wl_check(read(fd[1], got, 1) < 0 && errno == EBADF);
	while (list(fd[4], got))
		;
	wl_check_text("the rest of the directory", got, want);
	wl_check_eq(lseek(fd[0], 0, SEEK_CUR), 1LL << 40);
	wl_try(lseek(fd[5], 7, SEEK_SET));
	wl_check_eq(lseek(fd[0], 0, SEEK_CUR), 7);
	wl_pass();
}
