/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with every byte that a name may have, one of 255 bytes, one that ends in " (deleted)" and
 * one that looks like a memfd's: open, mapped, working directory and removed, each.
 *
 * wl: areas files memory
 * wl: cycles 3
 * wl: crossing from CRIU lengthens the names of removed files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 6 };

static char name[COUNT][256];

static void make_names(void)
{
	int n = 0, k = 0;

	for (int c = 1; c < 256; c++)
		if (c != '/')
			name[c < 128 ? 0 : 1][c < 128 ? n++ : k++] = c;
	memset(name[2], 'x', 255);
	strcpy(name[3], "it is (deleted)");
	strcpy(name[4], "memfd:not one (deleted)");
	strcpy(name[5], " ");
}

int main(void)
{
	int open_fd[COUNT], gone_fd[COUNT];
	char *map[COUNT], *gone_map[COUNT], cwd[PATH_MAX], now[PATH_MAX], buf[4];
	struct wl_fd state[COUNT], gone[COUNT];
	size_t page = getpagesize();

	wl_try(setenv("WL_READY", wl_format("%s/ready", getcwd(NULL, 0)), 1));
	make_names();
	wl_try(mkdir(name[0], 0755));
	wl_try(chdir(name[0]));
	wl_check(getcwd(cwd, sizeof(cwd)));
	for (int i = 0; i < COUNT; i++) {
		open_fd[i] = wl_try(open(name[i], O_RDWR | O_CREAT, 0644));
		wl_check_eq(write(open_fd[i], "abc", 3), 3);
		map[i] = wl_try(mmap(NULL, page, PROT_READ, MAP_PRIVATE, open_fd[i], 0));
		wl_fd_save(open_fd[i], &state[i]);
	}
	wl_try(mkdir("sub", 0755));
	for (int i = 0; i < COUNT; i++) {
		char *path = wl_format("sub/%s", name[i]);

		gone_fd[i] = wl_try(open(path, O_RDWR | O_CREAT, 0644));
		wl_check_eq(write(gone_fd[i], "def", 3), 3);
		gone_map[i] = wl_try(mmap(NULL, page, PROT_READ, MAP_SHARED, gone_fd[i], 0));
		wl_try(unlink(path));
		wl_fd_save(gone_fd[i], &gone[i]);
	}
	wl_ready_and_wait();
	wl_check(getcwd(now, sizeof(now)) && !strcmp(now, cwd));
	for (int i = 0; i < COUNT; i++) {
		wl_fd_check(open_fd[i], &state[i]);
		wl_fd_check(gone_fd[i], &gone[i]);
		wl_check(!memcmp(map[i], "abc", 3) && !memcmp(gone_map[i], "def", 3));
		wl_check_eq(pread(gone_fd[i], buf, 4, 0), 3);
		wl_check(!memcmp(buf, "def", 3));
		wl_check(access(wl_format("sub/%s", name[i]), F_OK) < 0);
	}
	wl_pass();
}
