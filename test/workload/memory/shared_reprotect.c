/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared file mapping from a read-write descriptor that is closed: the first page is read-only,
 * the second writable. The second stays writable, and the first can still be made so.
 * The same for a mapping all of whose pages are read-only, from a descriptor that could write.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static void check_file(const char *path, off_t at, char want)
{
	int fd = wl_try(open(path, O_RDONLY));
	char byte;

	wl_check_eq(pread(fd, &byte, 1, at), 1);
	wl_check_eq(byte, want);
	close(fd);
}

static char *map(const char *path, int prot)
{
	int fd = wl_try(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
	char *area;

	wl_try(ftruncate(fd, 2 * getpagesize()));
	area = wl_try(mmap(NULL, 2 * getpagesize(), prot, MAP_SHARED, fd, 0));
	close(fd);
	return area;
}

int main(void)
{
	size_t page = getpagesize();
	char *mixed = map("mixed", PROT_READ | PROT_WRITE), *plain = map("plain", PROT_READ);

	wl_try(mprotect(mixed, page, PROT_READ));
	mixed[page] = 1;
	wl_check(wl_vma_flag(plain, "mw"));
	wl_ready_and_wait();
	wl_check_eq(mixed[page], 1);
	wl_check(wl_vma_flag(mixed, "mw") && !wl_vma_flag(mixed, "wr"));
	mixed[page] = 2;
	wl_try(mprotect(mixed, page, PROT_READ | PROT_WRITE));
	mixed[0] = 3;
	check_file("mixed", 0, 3);
	check_file("mixed", page, 2);
	wl_check(wl_vma_flag(plain, "mw"));
	wl_try(mprotect(plain, 2 * page, PROT_READ | PROT_WRITE));
	plain[5] = 4;
	check_file("plain", 5, 4);
	wl_pass();
}
