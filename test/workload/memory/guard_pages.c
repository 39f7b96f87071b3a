/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard regions (MADV_GUARD_INSTALL, Linux 6.13) in six mappings of two pages, anonymous and of
 * private files, one also wipe-on-fork: touching a guarded page is SIGSEGV, in a forked child too
 * (not where the fork wiped it), the other page keeps its data, and a guard can be removed.
 *
 * wl: areas memory
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

enum { COUNT = 6, FIRST_OF_FILE = 4, WIPED = 3 };

static char *area[COUNT];
static size_t page;
static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static bool faults(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return true;
	*p = *p;
	return false;
}

/* Even areas guard their first page, odd ones their second. */
static char *guarded(int i)
{
	return area[i] + i % 2 * page;
}

static char *open_page(int i)
{
	return area[i] + (i + 1) % 2 * page;
}

static void set_up(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));

	wl_try(ftruncate(fd, 2 * page));
	for (int i = 0; i < COUNT; i++) {
		bool file = i >= FIRST_OF_FILE;
		char *room =
			wl_try(mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		area[i] = wl_try(mmap(room + page, 2 * page, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS),
				      file ? fd : -1, 0));
		wl_fill(open_page(i), page, i);
		wl_try(madvise(guarded(i), page, MADV_GUARD_INSTALL));
	}
	close(fd);
	wl_try(madvise(area[WIPED], 2 * page, MADV_WIPEONFORK));
}

static void check(bool in_fork)
{
	for (int i = 0; i < COUNT; i++) {
		bool wiped = in_fork && i == WIPED;

		if (faults(guarded(i)) == wiped)
			wl_fail("the guard in area %d is %s", i, wiped ? "there" : "lost");
		if (!wiped && !wl_matches(open_page(i), page, i))
			wl_fail("area %d changed", i);
	}
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_fault };
	pid_t pid;

	page = getpagesize();
	wl_try(sigaction(SIGSEGV, &act, NULL));
	set_up();
	check(false);
	wl_ready_and_wait();
	check(false);
	pid = wl_fork();
	if (pid == 0) {
		check(true);
		_exit(0);
	}
	wl_reap(pid);
	for (int i = 0; i < COUNT; i++) {
		wl_try(madvise(guarded(i), page, MADV_GUARD_REMOVE));
		wl_check(!faults(guarded(i)));
	}
	wl_pass();
}
