/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private file mappings: one clean as a whole, one read in part, one with every third page its
 * own, one that reaches beyond the file's end within its last page, one at an offset. Own pages
 * are kept; clean ones stay the file's, so that they show what is written to the file later.
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

enum { PAGES = 30 };

static size_t page;
static volatile char sink;

int main(void)
{
	char buf[65536], *clean, *read_only, *mixed, *tail, *shifted;
	int fd;

	page = getpagesize();
	fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < PAGES; i++) {
		wl_fill(buf, page, i);
		wl_check_eq(write(fd, buf, i + 1 < PAGES ? page : 100), i + 1 < PAGES ? page : 100);
	}
	clean = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	read_only = wl_try(mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, fd, 0));
	mixed = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	tail = wl_try(
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (PAGES - 1) * page));
	shifted = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 7 * page));
	sink = read_only[3 * page];
	for (int i = 0; i < PAGES; i += 3)
		wl_fill(mixed + i * page, page, 100 + i);
	wl_fill(tail + 100, page - 100, 200);
	shifted[page] = 'x';
	wl_ready_and_wait();

	for (int i = 0; i < PAGES - 1; i++) {
		wl_check(wl_matches(clean + i * page, page, i));
		wl_check(wl_matches(read_only + i * page, page, i));
		wl_check(wl_matches(mixed + i * page, page, i % 3 ? i : 100 + i));
	}
	wl_check(wl_matches(tail, 100, PAGES - 1) && wl_matches(tail + 100, page - 100, 200));
	wl_check_eq(shifted[page], 'x');
	wl_check(wl_matches(shifted + 2 * page, page, 9));
	/* The file itself wasn't touched, and clean pages follow it. */
	wl_check_eq(pread(fd, buf, page, 0), page);
	wl_check(wl_matches(buf, page, 0));
	wl_check_eq(pwrite(fd, "new", 3, 4 * page), 3);
	wl_check(!memcmp(clean + 4 * page, "new", 3) && !memcmp(mixed + 4 * page, "new", 3));
	wl_check_eq(pwrite(fd, "new", 3, 3 * page), 3);
	wl_check(!memcmp(read_only + 3 * page, "new", 3));
	wl_check(wl_matches(mixed + 3 * page, page, 103));
	wl_pass();
}
