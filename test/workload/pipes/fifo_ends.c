/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent has one fifo read-only and a second one read-write; the child has the first write-only
 * and a dup of the second at number 64. An int is queued in each, and both arrive, though opening
 * the one-sided ends needs an opposite one for a moment.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd states[2];
	int one, two, value = 0;
	pid_t pid;

	wl_try(mkfifo("one", 0600));
	wl_try(mkfifo("two", 0600));
	one = wl_try(open("one", O_RDONLY | O_NONBLOCK));
	wl_try(fcntl(one, F_SETFL, 0));
	two = wl_try(open("two", O_RDWR));
	pid = wl_fork_awaited();
	if (pid == 0) {
		close(one);
		one = wl_try(open("one", O_WRONLY));
		two = wl_move_fd(two, 64);
		value = 1001;
		wl_check_eq(write(one, &value, sizeof(value)), sizeof(value));
		value = 1002;
		wl_check_eq(write(two, &value, sizeof(value)), sizeof(value));
		wl_child_wait();
		wl_check_eq(fcntl(one, F_GETFL) & O_ACCMODE, O_WRONLY);
		wl_check_eq(fcntl(two, F_GETFL) & O_ACCMODE, O_RDWR);
		_exit(0);
	}
	wl_fd_save(one, &states[0]);
	wl_fd_save(two, &states[1]);
	wl_ready_and_wait();
	wl_fd_check(one, &states[0]);
	wl_fd_check(two, &states[1]);
	wl_check(wl_same_description(getpid(), two, pid, 64));
	wl_check_eq(read(one, &value, sizeof(value)), sizeof(value));
	wl_check_eq(value, 1001);
	wl_check_eq(read(two, &value, sizeof(value)), sizeof(value));
	wl_check_eq(value, 1002);
	wl_finish(pid);
	wl_check_eq(read(one, &value, sizeof(value)), 0);
	wl_pass();
}
