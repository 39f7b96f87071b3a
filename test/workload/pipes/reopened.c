/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a pipe were opened once more through /proc/self/fd: the read end as a description of
 * its own, made non-blocking; the write end as a read-write one. Flags are only on these, all are
 * one pipe, and no two are one description.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int again(int fd, int flags)
{
	return wl_try(open(wl_format("/proc/self/fd/%d", fd), flags));
}

int main(void)
{
	struct wl_fd state[4];
	struct stat st;
	int fd[4];
	ino_t inode;
	char byte;

	wl_try(pipe(fd));
	fd[2] = again(fd[0], O_RDONLY | O_NONBLOCK);
	fd[3] = again(fd[1], O_RDWR | O_CLOEXEC);
	wl_check_eq(write(fd[3], "q", 1), 1);
	for (int i = 0; i < 4; i++)
		wl_fd_save(fd[i], &state[i]);
	wl_ready_and_wait();
	wl_try(fstat(fd[0], &st));
	inode = st.st_ino;
	for (int i = 0; i < 4; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_try(fstat(fd[i], &st));
		wl_check_eq(st.st_ino, inode);
		for (int k = 0; k < i; k++)
			wl_check(!wl_same_description(getpid(), fd[i], getpid(), fd[k]));
	}
	wl_check_eq(fcntl(fd[0], F_GETFL) & O_NONBLOCK, 0);
	wl_check_eq(fcntl(fd[2], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	wl_check_eq(read(fd[0], &byte, 1), 1);
	wl_check_eq(byte, 'q');
	wl_check(read(fd[2], &byte, 1) < 0 && errno == EAGAIN);
	wl_pass();
}
