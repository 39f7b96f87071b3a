/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas with every combination of read, write and execute, with contents, private and shared,
 * anonymous and of a file: write-only and execute-only memory can be saved like all other. The
 * lines of /proc/self/maps are the same, and so is what is under them.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { COUNT = 4 * 8, PAGES = 3 };

int main(void)
{
	size_t page = getpagesize(), size = PAGES * page;
	char *area[COUNT], *line[COUNT];
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0755));
	/* Each file area has its own part of the file. */
	wl_try(ftruncate(fd, COUNT * size));

	for (int i = 0; i < COUNT; i++) {
		/* Bit 3 is shared, bit 4 is of a file; a page around keeps areas apart. */
		int flags = (i & 8 ? MAP_SHARED : MAP_PRIVATE) | (i & 16 ? 0 : MAP_ANONYMOUS);
		char *room = wl_try(
			mmap(NULL, size + 2 * page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

		area[i] = wl_try(mmap(room + page, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
				      i & 16 ? fd : -1, i & 16 ? i * size : 0));
		wl_fill(area[i], size, i);
		wl_try(mprotect(area[i], size, i % 8));
	}
	close(fd);
	for (int i = 0; i < COUNT; i++)
		line[i] = wl_vma_line(area[i]);
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		char *now = wl_vma_line(area[i]);

		/* Addresses and protection; the inode of shared anonymous memory is a new one. */
		if (!now || strncmp(now, line[i], strcspn(line[i], " ") + 5))
			wl_fail("area %d is '%s', was '%s'", i, now, line[i]);
		wl_try(mprotect(area[i], size, PROT_READ));
		if (!wl_matches(area[i], size, i))
			wl_fail("the contents of area %d ('%s') changed", i, line[i]);
	}
	wl_pass();
}
