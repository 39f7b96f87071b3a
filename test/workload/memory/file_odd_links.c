/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file mapped by way of two hard links of which one is removed, with pages of its own in the
 * private views, also in the page that the file's end lies in; and a file that was cut after its
 * private pages were made, then grown again, and deleted. No descriptor is left.
 *
 * wl: areas memory files
 * wl: dump --link-remap
 * wl: cycles 3
 * wl: crossing to CRIU knows one name of an inode
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static size_t page;

static char *map(const char *name, int share)
{
	int fd = wl_try(open(name, O_RDWR));
	char *p = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, share, fd, 0));

	close(fd);
	return p;
}

static void make(const char *name, size_t size)
{
	int fd = wl_try(open(name, O_RDWR | O_CREAT, 0644));
	char buf[size];

	wl_fill(buf, size, 1);
	wl_check_eq(write(fd, buf, size), size);
	close(fd);
}

int main(void)
{
	char *own_a, *own_b, *shared_a, *cut, *copy, want[8], was;

	page = getpagesize();
	make("a", 2 * page + 100);
	wl_try(link("a", "b"));
	own_a = map("a", MAP_PRIVATE);
	own_b = map("b", MAP_PRIVATE);
	shared_a = map("a", MAP_SHARED);
	memcpy(want, own_a, sizeof(want));
	own_a[2 * page + 2000] = 'a'; /* behind the end */
	own_b[page] = 'b';
	wl_try(unlink("a"));

	make("cut", 4 * page);
	cut = map("cut", MAP_PRIVATE);
	copy = map("cut", MAP_SHARED);
	for (int i = 0; i < 4; i++)
		cut[i * page] = 'A' + i;
	wl_try(truncate("cut", page + 50)); /* takes the last two pages away */
	wl_try(truncate("cut", 3 * page));
	cut[2 * page + 1] = 'x';
	wl_try(truncate("cut", 2 * page + 1));
	wl_try(unlink("cut"));
	was = cut[page + 60];
	wl_ready_and_wait();

	wl_check(!memcmp(own_a, want, sizeof(want)) && !memcmp(own_b, want, sizeof(want)));
	wl_check_eq(own_a[2 * page + 2000], 'a');
	wl_check_eq(own_b[page], 'b');
	shared_a[5] = 'S';
	wl_check_eq(own_b[5], 'S');
	wl_check_eq(own_a[5], 'S');
	wl_check(access("a", F_OK) < 0 && access("b", F_OK) == 0);
	wl_check(cut[0] == 'A' && cut[page] == 'B' && cut[2 * page] == 0 &&
		 cut[2 * page + 1] == 'x');
	copy[page + 60] = 'y';
	wl_check_eq(cut[page + 60], was); /* the page was written before */
	wl_check(access("cut", F_OK) < 0);
	wl_pass();
}
