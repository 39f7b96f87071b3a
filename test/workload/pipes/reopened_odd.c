/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes of which only descriptions are left that were opened through /proc: one for both reading
 * and writing; a reader opened through the writing end; one of each with other flags, held by
 * different tasks; and an original next to two of them.
 *
 * wl: areas pipes
 * wl: cycles 3
 * wl: crossing from CRIU drops the flags that tell such descriptions
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

static int again(int fd, int flags)
{
	return wl_try(open(wl_format("/proc/self/fd/%d", fd), flags));
}

static void expect(int fd, const char *want)
{
	char buf[32] = "";

	wl_check_eq(read(fd, buf, sizeof(buf) - 1), strlen(want));
	wl_check(!strcmp(buf, want));
}

int main(void)
{
	int both[2], crossed[2], split[2], mixed[2], fd[8];
	struct wl_fd state[8];
	pid_t pid;

	wl_try(pipe(both));
	fd[0] = again(both[0], O_RDWR | O_NONBLOCK);
	wl_check_eq(write(both[1], "both", 4), 4);
	close(both[0]);
	close(both[1]);
	wl_try(pipe(crossed));
	fd[1] = again(crossed[1], O_RDONLY | O_NONBLOCK);
	fd[2] = again(crossed[0], O_WRONLY | O_APPEND);
	close(crossed[0]);
	close(crossed[1]);
	wl_check_eq(write(fd[2], "crossed", 7), 7);
	wl_try(pipe2(split, O_CLOEXEC));
	fd[3] = again(split[0], O_RDONLY);
	fd[4] = again(split[1], O_WRONLY | O_NONBLOCK);
	wl_check_eq(write(split[1], "split", 5), 5);
	close(split[0]);
	close(split[1]);
	wl_try(pipe(mixed));
	fd[5] = mixed[0];
	fd[6] = again(mixed[1], O_WRONLY);
	fd[7] = again(mixed[0], O_RDONLY | O_NONBLOCK);
	close(mixed[1]);
	wl_check_eq(write(fd[6], "mixed", 5), 5);
	for (int i = 0; i < 8; i++)
		wl_fd_save(fd[i], &state[i]);
	pid = wl_fork_awaited();
	if (pid == 0) {
		close(fd[3]);
		close(fd[6]);
		wl_child_wait();
		wl_check_eq(write(fd[4], "!", 1), 1);
		wl_check(!wl_same_description(getpid(), fd[5], getpid(), fd[7]));
		_exit(0);
	}
	close(fd[4]);
	wl_ready_and_wait();
	for (int i = 0; i < 8; i++)
		if (i != 4)
			wl_fd_check(fd[i], &state[i]);
	wl_check(wl_same_description(getpid(), fd[2], pid, fd[2]));
	expect(fd[0], "both");
	wl_check_eq(write(fd[0], "x", 1), 1);
	expect(fd[0], "x");
	expect(fd[1], "crossed");
	wl_finish(pid);
	expect(fd[3], "split!");
	wl_check_eq(read(fd[3], state, 1), 0); /* no writer is left */
	expect(fd[7], "mixed");
	wl_check(read(fd[7], state, 1) < 0 && errno == EAGAIN);
	close(fd[6]);
	wl_check_eq(read(fd[5], state, 1), 0);
	wl_pass();
}
