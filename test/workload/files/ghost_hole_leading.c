/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlinked files that consist of a hole and data behind it, to their end.
 *
 * wl: areas files
 * wl: crossing to CRIU saves the hole as zeroes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

/* D is a block of data, '.' a block of hole. */
static const char *const layout[] = { ".D", "..D", ".DD", "...D" };
enum { COUNT = sizeof(layout) / sizeof(layout[0]), BLOCK = 4096 };

static void create(int fd, const char *map)
{
	char buf[BLOCK];

	for (size_t i = 0; map[i]; i++) {
		if (map[i] != 'D')
			continue;
		wl_fill(buf, BLOCK, i);
		wl_check_eq(pwrite(fd, buf, BLOCK, i * BLOCK), BLOCK);
	}
	wl_try(ftruncate(fd, strlen(map) * BLOCK));
}

static void check(int fd, const char *map)
{
	static const char zeroes[BLOCK];
	size_t len = strlen(map);
	char buf[BLOCK];

	wl_check_eq(lseek(fd, 0, SEEK_END), len * BLOCK);
	for (size_t i = 0; i < len; i++) {
		size_t hole = i + strcspn(map + i, "."), data = i + strcspn(map + i, "D");

		if (lseek(fd, i * BLOCK, SEEK_HOLE) != (off_t)(hole * BLOCK))
			wl_fail("'%s': the hole from block %zu is at %ld", map, i,
				(long)lseek(fd, i * BLOCK, SEEK_HOLE));
		if (data < len)
			wl_check_eq(lseek(fd, i * BLOCK, SEEK_DATA), data * BLOCK);
		else
			wl_check(lseek(fd, i * BLOCK, SEEK_DATA) < 0 && errno == ENXIO);
		wl_check_eq(pread(fd, buf, BLOCK, i * BLOCK), BLOCK);
		wl_check(map[i] == 'D' ? wl_matches(buf, BLOCK, i) : !memcmp(buf, zeroes, BLOCK));
	}
}

int main(void)
{
	int fd[COUNT];

	for (int i = 0; i < COUNT; i++) {
		fd[i] = wl_try(open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
		wl_try(unlink("file"));
		create(fd[i], layout[i]);
		check(fd[i], layout[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++)
		check(fd[i], layout[i]);
	wl_pass();
}
