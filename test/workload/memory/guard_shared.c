/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard regions in memory that is shared or can't be written (Linux 6.15): shared anonymous, a
 * memfd, a shared and a read-only private mapping of a file, and a page that had contents before
 * it was guarded. Another view of the same object has no guards.
 *
 * wl: areas memory shm
 * wl: needs guard
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

enum { ANON, MEMFD, FILE_SHARED, FILE_RDONLY, COUNT };

static char *area[COUNT], *view;
static size_t page;
static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static bool faults(volatile char *p)
{
	char c;

	if (sigsetjmp(back, 1))
		return true;
	c = *p;
	(void)c;
	return false;
}

static void check(void)
{
	for (int i = 0; i < COUNT; i++)
		for (int k = 0; k < 4; k++)
			if (faults(area[i] + k * page) != (k == 1 || k == 3))
				wl_fail("page %d of area %d is wrong", k, i);
	wl_check(!faults(view + page));
	wl_check_eq(view[page], 'v');
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_fault };
	int fd, mem;

	page = getpagesize();
	wl_try(sigaction(SIGSEGV, &act, NULL));
	fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	wl_try(ftruncate(fd, 4 * page));
	mem = wl_try(memfd_create("mem", 0));
	wl_try(ftruncate(mem, 4 * page));
	area[ANON] = wl_try(
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	area[MEMFD] = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0));
	area[FILE_SHARED] = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	area[FILE_RDONLY] = wl_try(mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE, fd, 0));
	view = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0));
	view[page] = 'v';
	for (int i = 0; i < COUNT; i++)
		for (int k = 1; k < 4; k += 2)
			if (madvise(area[i] + k * page, page, MADV_GUARD_INSTALL) < 0) {
				wl_check(errno == EINVAL); /* before Linux 6.15 */
				wl_ready_and_wait();
				wl_pass();
			}
	check();
	wl_ready_and_wait();
	check();
	for (int i = 0; i < COUNT; i++)
		wl_try(madvise(area[i], 4 * page, MADV_GUARD_REMOVE));
	wl_check(!faults(area[MEMFD] + page));
	wl_check_eq(area[MEMFD][page], 'v');
	wl_pass();
}
