/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of a deleted file, with no descriptor left: private with own pages, shared read-write
 * and shared read-only. All show one file; a write through the shared one shows in the others.
 *
 * wl: areas memory files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize(), size = 4 * page;
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0640));
	char *own, *shared, *view, *buf = malloc(size);

	wl_fill(buf, size, 1);
	wl_check_eq(write(fd, buf, size), size);
	own = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	shared = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	view = wl_try(mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0));
	wl_fill(own + page, page, 2);
	memcpy(shared + 2 * page, "hello", 6);
	wl_try(unlink("file"));
	close(fd);
	wl_ready_and_wait();
	wl_check(!memcmp(own, buf, page) && !memcmp(shared, buf, page) && !memcmp(view, buf, page));
	wl_check(wl_matches(own + page, page, 2));
	wl_check(!memcmp(view + page, buf + page, page));
	wl_check(!strcmp(view + 2 * page, "hello") && !strcmp(own + 2 * page, "hello"));
	strcpy(shared + 3 * page, "world");
	wl_check(!strcmp(view + 3 * page, "world") && !strcmp(own + 3 * page, "world"));
	wl_check(strstr(wl_vma_line(shared), "file (deleted)"));
	wl_check(access("file", F_OK) < 0 && errno == ENOENT);
	wl_pass();
}
