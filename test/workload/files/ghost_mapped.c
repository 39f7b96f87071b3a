/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is mapped privately in two regions, one with own pages, and unlinked but still open:
 * what the descriptor writes after the restore shows in the regions' untouched pages.
 *
 * wl: areas files memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	size_t page = getpagesize();
	char buf[65536], *a, *b;
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));

	wl_fill(buf, 4 * page, 1);
	wl_check_eq(write(fd, buf, 4 * page), 4 * page);
	a = wl_try(mmap(NULL, 4 * page, prot, MAP_PRIVATE, fd, 0));
	b = wl_try(mmap(NULL, 2 * page, prot, MAP_PRIVATE, fd, 2 * page));
	wl_try(unlink("file"));
	wl_fill(a + page, page, 2);
	wl_fill(b, page, 3);
	wl_ready_and_wait();
	wl_check(wl_matches(a, page, 1));
	wl_check(wl_matches(a + page, page, 2) && wl_matches(b, page, 3));
	wl_fill(buf, 4 * page, 4);
	wl_check_eq(pwrite(fd, buf, 4 * page, 0), 4 * page);
	wl_check(wl_matches(a, page, 4));
	wl_check(wl_matches(a + page, page, 2) && wl_matches(b, page, 3));
	for (size_t i = 0; i < page; i++)
		if (a[3 * page + i] != buf[3 * page + i] || b[page + i] != buf[3 * page + i])
			wl_fail("the regions don't follow the file at %zu", i);
	wl_pass();
}
