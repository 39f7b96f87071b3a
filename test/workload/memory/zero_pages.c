/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that were only read (the zero page), pages written with zeroes, and untouched ones: all
 * read as zeroes, and a page of a private file mapping that was overwritten with zeroes doesn't
 * turn into the file's contents again.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static bool zeroes(const char *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

int main(void)
{
	size_t page = getpagesize(), size = 64 * page;
	char *area = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char buf[65536], *file;
	volatile char sink;
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));

	memset(buf, 'f', sizeof(buf));
	wl_check_eq(write(fd, buf, 4 * page), 4 * page);
	file = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	for (size_t i = 0; i < 64; i += 3)
		sink = area[i * page];
	for (size_t i = 1; i < 64; i += 3)
		memset(area + i * page, 0, page);
	(void)sink;
	memset(file + page, 0, page);
	wl_ready_and_wait();
	wl_check(zeroes(area, size));
	wl_check(zeroes(file + page, page));
	wl_check(!memcmp(file, buf, page) && !memcmp(file + 2 * page, buf, page));
	memset(area, 'x', size);
	wl_check(zeroes(wl_try(mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
			page));
	wl_pass();
}
