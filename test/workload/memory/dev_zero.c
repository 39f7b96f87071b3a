/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private and shared mappings of /dev/zero; the shared one is shared with a child.
 *
 * wl: areas memory shm
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t size = 8 * getpagesize();
	int fd = wl_try(open("/dev/zero", O_RDWR));
	char *own = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	char *shared = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	pid_t pid;

	close(fd);
	wl_fill(own, size / 2, 1);
	wl_fill(shared, size / 2, 2);
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_fill(own, size / 2, 3);
		wl_fill(shared + size / 2, size / 2, 4);
		wl_child_wait();
		wl_check(wl_matches(own, size / 2, 3));
		wl_check(wl_matches(shared, size / 2, 2));
		wl_fill(shared, size / 2, 5);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_matches(own, size / 2, 1) && own[size - 1] == 0);
	wl_check(wl_matches(shared, size / 2, 2));
	wl_check(wl_matches(shared + size / 2, size / 2, 4));
	wl_finish(pid);
	wl_check(wl_matches(shared, size / 2, 5));
	wl_pass();
}
