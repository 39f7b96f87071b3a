/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX locks: of several ranges and types on one file, by a parent and by its child, which has
 * inherited the description but not the parent's locks. The parent has the file mapped and open a
 * second time: a restore that closes any descriptor of it in the parent afterwards loses the locks.
 * A third process sees all of them, and of whom they are.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 * wl: crossing none CRIU drops the lock of a task that has inherited the description
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "held.h"

static void take(int fd, int type, long long start, long long len)
{
	struct flock lock = range(type, start, len);

	wl_try(fcntl(fd, F_SETLK, &lock));
}

static void expect(int fd, int type, long long start, int found, pid_t pid)
{
	struct flock lock = range(type, start, 1);

	wl_try(fcntl(fd, F_GETLK, &lock));
	wl_check_eq(lock.l_type, found);
	if (found != F_UNLCK)
		wl_check_eq(lock.l_pid, pid);
}

static void look(const char *path, pid_t parent, pid_t child)
{
	int fd = wl_try(open(path, O_RDWR));

	expect(fd, F_RDLCK, 5, F_WRLCK, parent);
	expect(fd, F_WRLCK, 105, F_RDLCK, parent);
	expect(fd, F_RDLCK, 105, F_UNLCK, 0);
	expect(fd, F_RDLCK, 55, F_WRLCK, child);
	expect(fd, F_WRLCK, 20, F_UNLCK, 0);
	expect(fd, F_WRLCK, 1 << 20, F_RDLCK, parent);
}

int main(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0600)), again;
	pid_t child, third, me = getpid();
	char *map;

	wl_try(ftruncate(fd, 4096));
	map = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	again = wl_try(open("file", O_RDONLY));
	take(fd, F_WRLCK, 0, 10);
	take(again, F_RDLCK, 100, 0);
	child = wl_fork_awaited();
	if (!child) {
		take(fd, F_WRLCK, 50, 10);
		wl_child_wait();
		_exit(0);
	}
	third = wl_fork();
	if (!third) {
		look("file", me, child);
		_exit(0);
	}
	wl_reap(third);
	map[0] = 'x';

	wl_ready_and_wait();
	third = wl_fork();
	if (!third) {
		look("file", me, child);
		_exit(0);
	}
	wl_reap(third);
	wl_check_eq(map[0], 'x');
	wl_finish(child);
	wl_pass();
}
