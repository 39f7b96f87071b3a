/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions that aren't within the file: far behind its end (2^40), exactly at it, after a shrink;
 * and one in the middle of a directory that is being read: it goes on with the entries not seen.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { ENTRIES = 500 };

static int read_names(DIR *dir, int limit, char *seen)
{
	struct dirent *d;
	int number, count = 0;

	while (count < limit && (d = readdir(dir))) {
		if (sscanf(d->d_name, "entry-%d", &number) != 1)
			continue;
		if (seen[number]++)
			wl_fail("%s comes twice", d->d_name);
		count++;
	}
	return count;
}

int main(void)
{
	static const off_t position[] = { 1L << 40, 100, 5000 };
	struct wl_fd state[3], dir_state;
	char seen[ENTRIES] = "", byte;
	int fd[3];
	DIR *dir;

	wl_try(mkdir("dir", 0755));
	for (int i = 0; i < ENTRIES; i++)
		wl_write_file(wl_format("dir/entry-%d", i), "");
	for (int i = 0; i < 3; i++) {
		fd[i] = wl_try(open(wl_format("file-%d", i), O_RDWR | O_CREAT, 0644));
		wl_try(ftruncate(fd[i], i == 2 ? 10000 : 100));
		wl_check_eq(lseek(fd[i], position[i], SEEK_SET), position[i]);
		wl_try(ftruncate(fd[i], 100));
		wl_fd_save(fd[i], &state[i]);
	}
	/* Without O_DIRECTORY, which flags_directory asks for. */
	dir = fdopendir(wl_try(open("dir", O_RDONLY)));
	wl_check(dir);
	wl_check_eq(read_names(dir, 200, seen), 200);
	wl_fd_save(dirfd(dir), &dir_state);
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++) {
		wl_fd_check(fd[i], &state[i]);
		wl_check_eq(read(fd[i], &byte, 1), 0);
	}
	wl_fd_check(dirfd(dir), &dir_state);
	wl_check_eq(read_names(dir, ENTRIES, seen), ENTRIES - 200);
	wl_pass();
}
