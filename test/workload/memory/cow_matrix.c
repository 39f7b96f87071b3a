/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy-on-write in every combination: a page is read or written before fork(), and read or
 * written by parent and child after it; in private anonymous memory, in an area beside a
 * grows-down one, in a private file mapping, and in an area that the child moved by mremap().
 * What was written before and never later must stay one physical page; cow_moved looks at that in
 * an area that was moved.
 *
 * wl: areas memory
 * wl: needs pfn
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

/* The bits of a page's number say what is done to it. */
enum {
	READ_BEFORE = 1,
	WRITE_BEFORE = 2,
	CHILD_READS = 4,
	CHILD_WRITES = 8,
	PARENT_READS = 16,
	PARENT_WRITES = 32,
	PAGES = 128
};
enum { ANON, BESIDE_STACK, PRIVATE_FILE, MOVED, AREAS };

static char *area[AREAS];
static size_t page;
static volatile char sink;

static void touch(int what, int reads, int writes)
{
	for (int a = 0; a < AREAS; a++)
		for (int i = 0; i < PAGES; i++) {
			if (i & reads)
				sink = area[a][i * page];
			if (i & writes)
				wl_fill(area[a] + i * page, page, what + a * PAGES + i);
		}
}

static void check(int what, int writes)
{
	static const char zeroes[65536];

	for (int a = 0; a < AREAS; a++)
		for (int i = 0; i < PAGES; i++) {
			char *p = area[a] + i * page;
			bool good;

			if (i & writes)
				good = wl_matches(p, page, what + a * PAGES + i);
			else if (i & WRITE_BEFORE)
				good = wl_matches(p, page, a * PAGES + i);
			else if (a == PRIVATE_FILE)
				good = wl_matches(p, page, 9000 + i);
			else
				good = !memcmp(p, zeroes, page);
			if (!good)
				wl_fail("area %d page %d (at %p) has wrong contents", a, i, p);
		}
}

/* Inaccessible pages around keep areas from being merged, in one task and not in the other. */
static char *anon(size_t pages)
{
	char *at = wl_try(
		mmap(NULL, (pages + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(mprotect(at + page, pages * page, PROT_READ | PROT_WRITE));
	return at + page;
}

static void set_up(void)
{
	char *room = anon(4 * PAGES), buf[65536];
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));

	area[ANON] = anon(PAGES);
	wl_try(munmap(room, 4 * PAGES * page));
	/* A grows-down area, and directly above it the plain one. */
	room = wl_try(mmap(room + PAGES * page, page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	room[0] = 'g';
	area[BESIDE_STACK] = wl_try(mmap(room + page, PAGES * page, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	for (int i = 0; i < PAGES; i++) {
		wl_fill(buf, page, 9000 + i);
		wl_check_eq(write(fd, buf, page), page);
	}
	area[PRIVATE_FILE] =
		wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	close(fd);
	area[MOVED] = anon(PAGES);
	for (int a = 0; a < AREAS; a++)
		if (a != PRIVATE_FILE)
			wl_try(madvise(area[a], PAGES * page, MADV_NOHUGEPAGE));
}

static void move_in_child(void)
{
	char *target = anon(PAGES);

	area[MOVED] = wl_try(mremap(area[MOVED], PAGES * page, PAGES * page,
				    MREMAP_MAYMOVE | MREMAP_FIXED, target));
}

static void check_sharing(pid_t pid)
{
	for (int a = 0; a < MOVED; a++)
		for (int i = 0; i < PAGES; i++) {
			char *page_at = area[a] + i * page;

			if (!(i & WRITE_BEFORE) || i & (CHILD_WRITES | PARENT_WRITES))
				continue;
			if (!wl_same_page(0, page_at, pid, page_at))
				wl_fail("area %d page %d is no longer shared", a, i);
		}
}

int main(void)
{
	pid_t pid;

	page = getpagesize();
	set_up();
	touch(0, READ_BEFORE, WRITE_BEFORE);
	pid = wl_fork_awaited();
	if (pid == 0) {
		move_in_child();
		touch(1000, CHILD_READS, CHILD_WRITES);
		wl_child_wait();
		check(1000, CHILD_WRITES);
		_exit(0);
	}
	touch(2000, PARENT_READS, PARENT_WRITES);
	check_sharing(pid);
	wl_ready_and_wait();
	check_sharing(pid);
	check(2000, PARENT_WRITES);
	wl_finish(pid);
	wl_pass();
}
