/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real files whose names look like those that the kernel gives to memory and to what has no name:
 * in the root folder those of SysV segments and memfds, elsewhere those of others. Open and mapped
 * shared, and the same for removed ones; beside them a real memfd.
 *
 * wl: areas files memory shm
 * wl: needs root root-on-disk
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

/* Those in the root folder have the process' id in them: other runs may be there as well. */
static const char *const pattern[] = {
	"/SYSV%08x",   "/memfd:%x (deleted)", "/SYSV%08x (deleted)",   "[heap]%x",
	"socket:[%u]", "pipe:[%u]",	      "anon_inode:[eventfd]%x"
};
enum { COUNT = sizeof(pattern) / sizeof(pattern[0]) };

static char *name[COUNT];

struct thing {
	int fd;
	char *map;
	struct wl_fd state;
};

static void make(struct thing *t, const char *path, char first)
{
	char text[4] = { first, 'b', 'c', 0 };

	t->fd = wl_try(open(path, O_RDWR | O_CREAT | O_EXCL, 0644));
	wl_check_eq(write(t->fd, text, 3), 3);
	t->map = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0));
}

static void check(struct thing *t, char first)
{
	char buf[4];

	wl_fd_check(t->fd, &t->state);
	t->map[1] = 'B';
	wl_check_eq(pread(t->fd, buf, sizeof(buf), 0), 3);
	if (buf[0] != first || buf[1] != 'B' || buf[2] != 'c')
		wl_fail("the file that began with %c holds '%.3s'", first, buf);
}

int main(void)
{
	struct thing there[COUNT], gone[COUNT];
	int memory = wl_try(memfd_create("x", 0));
	char *map, buf[8];

	wl_check_eq(write(memory, "memory", 6), 6);
	map = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
	for (int i = 0; i < COUNT; i++) {
		name[i] = wl_format(pattern[i], (unsigned)getpid());
		make(&gone[i], name[i], 'A' + i);
		wl_try(unlink(name[i]));
		make(&there[i], name[i], 'a' + i);
		wl_fd_save(gone[i].fd, &gone[i].state);
		wl_fd_save(there[i].fd, &there[i].state);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		struct stat st;

		check(&there[i], 'a' + i);
		check(&gone[i], 'A' + i);
		wl_try(stat(name[i], &st));
		wl_check_eq(st.st_ino, there[i].state.ino);
		wl_try(unlink(name[i]));
	}
	map[0] = 'M';
	wl_check_eq(pread(memory, buf, sizeof(buf), 0), 6);
	wl_check(!memcmp(buf, "Memory", 6));
	wl_pass();
}
