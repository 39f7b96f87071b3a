/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages are found: real mappings of this process, asked for by both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/pagemap.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define PAGE UINT64_C(4096)
#define HUGE (UINT64_C(2) << 20)

static struct proc_buf buf;
static struct proc self = PROC_INIT;
static struct pagemap pm[2]; /* the ioctl, the fallback */
static int engines;

static int setup(void **state)
{
	struct err err = { 0 };

	(void)state;
	if (proc_open(&self, getpid(), &buf, &err) || pagemap_open(&pm[0], &self, &err))
		return -1;
	engines = 1;
	if (pm[0].scan) {
		if (pagemap_open(&pm[1], &self, &err))
			return -1;
		pagemap_force_fallback(&pm[1]);
		engines = 2;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < engines; i++)
		pagemap_close(&pm[i]);
	proc_close(&self);
	proc_buf_free(&buf);
	return 0;
}

static char *map(size_t pages, int flags, int fd)
{
	char *mem = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	assert_true(mem != MAP_FAILED);
	/* Else a huge page would come where one page is touched. */
	if (fd < 0)
		assert_int_equal(madvise(mem, pages * PAGE, MADV_NOHUGEPAGE), 0);
	return mem;
}

static void look(const char *mem, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void)*(const volatile char *)(mem + i * PAGE);
}

static void touch(char *mem, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(mem + i * PAGE) = 'x';
}

/* Does whoever reads untouched memory get the shared zero page? It counts for nobody (Rss); a guest
 * of PVM gives a page of his own. */
static bool zero_page_is_shared(void)
{
	char *mem = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1), line[512], start[32];
	FILE *f = fopen("/proc/self/smaps", "r");
	bool inside = false, shared = false;

	assert_non_null(f);
	look(mem, 1);
	/* A mapping beside it would be one with it. */
	assert_int_equal(mprotect(mem, PAGE, PROT_READ | PROT_EXEC), 0);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)mem);
	while (fgets(line, sizeof(line), f)) {
		inside |= !strncmp(line, start, strlen(start));
		if (inside && !strncmp(line, "Rss:", 4)) {
			shared = atoi(line + 4) == 0;
			break;
		}
	}
	assert_true(inside);
	fclose(f);
	munmap(mem, PAGE);
	return shared;
}

/* 'z' is the zero page, where there is one: without frame numbers (an ordinary user) the fallback
 * takes it for one of the process' own, which costs a page in the images. */
static void fill_in(const struct pagemap *engine, const char *bits, char *want)
{
	char zero = zero_page_is_shared() && (engine->scan || !geteuid()) ? '0' : '1';

	do
		*want++ = *bits == 'z' ? zero : *bits;
	while (*bits++);
}

/* What is found in [mem, mem + pages) with every engine, as a string of '1', '0' and 'z'. */
static void expect(const char *mem, size_t pages, const struct pagemap_cond *cond, const char *bits)
{
	struct page_span span = { (uintptr_t)mem, (uintptr_t)mem + pages * PAGE };

	assert_int_equal(strlen(bits), pages);
	for (int i = 0; i < engines; i++) {
		struct page_runs runs = { 0 };
		struct err err = { 0 };
		char found[512 + 1] = "", want[512 + 1];

		assert_true(pages < sizeof(found));
		memset(found, '0', pages);
		assert_int_equal(pagemap_find(&pm[i], &span, 1, cond, 0, &runs, &err), 0);
		for (size_t r = 0; r < runs.n; r++)
			memset(found + (runs.runs[r].start - span.start) / PAGE, '1',
			       (runs.runs[r].end - runs.runs[r].start) / PAGE);
		fill_in(&pm[i], bits, want);
		assert_string_equal(found, want);
		page_runs_free(&runs);
	}
}

static void anonymous(void **state)
{
	char *mem = map(16, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	(void)state;
	touch(mem, 3);
	look(mem + 4 * PAGE, 4); /* the zero page, four times */
	touch(mem + 10 * PAGE, 1);
	expect(mem, 16, &PAGEMAP_PRIVATE, "1110zzzz00100000");
	expect(mem, 16, &PAGEMAP_MAPPED, "1110111100100000");
	/* Taken away again. */
	assert_int_equal(madvise(mem, PAGE, MADV_DONTNEED), 0);
	expect(mem, 16, &PAGEMAP_PRIVATE, "0110zzzz00100000");
	/* Without access they are there all the same. */
	assert_int_equal(mprotect(mem, 16 * PAGE, PROT_NONE), 0);
	expect(mem, 16, &PAGEMAP_PRIVATE, "0110zzzz00100000");
	munmap(mem, 16 * PAGE);
}

static int temp_file(size_t pages)
{
	char name[] = "test_pagemap.XXXXXX";
	int fd = mkstemp(name);
	char page[PAGE];

	assert_true(fd >= 0);
	unlink(name);
	memset(page, 'f', sizeof(page));
	for (size_t i = 0; i < pages; i++)
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	return fd;
}

/* The whole address space, cut to spans: what a search in the spans finds. */
static void expect_cut(struct pagemap *map, const struct page_span *spans, size_t n)
{
	struct page_runs all = { 0 }, cut = { 0 }, runs = { 0 };
	struct err err = { 0 };

	assert_int_equal(pagemap_find_all(map, &PAGEMAP_PRIVATE, 0, &all, &err), 0);
	assert_int_equal(page_runs_cut(&all, spans, n, &cut), 0);
	assert_null(all.runs);
	assert_int_equal(pagemap_find(map, spans, n, &PAGEMAP_PRIVATE, 0, &runs, &err), 0);
	assert_int_equal(cut.n, runs.n);
	assert_int_equal(cut.pages, runs.pages);
	for (size_t i = 0; i < runs.n; i++) {
		assert_int_equal(cut.runs[i].start, runs.runs[i].start);
		assert_int_equal(cut.runs[i].end, runs.runs[i].end);
	}
	page_runs_free(&cut);
	page_runs_free(&runs);
}

/* Of a child that stands still: our own memory changes as we look, with a sanitizer even between
 * two looks. */
static void whole_space(void **state)
{
	char *mem = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64_t at = (uintptr_t)mem;
	struct page_span spans[] = { { at + 2 * PAGE, at + 10 * PAGE },
				     { at + 10 * PAGE, at + 12 * PAGE },
				     { at + 30 * PAGE, at + 31 * PAGE } };
	struct page_span everything = { 0, UINT64_C(0x7ffffffff000) };
	struct proc_buf child_buf = { 0 };
	struct proc child = PROC_INIT;
	struct pagemap map_of_child;
	struct err err = { 0 };
	pid_t pid;

	(void)state;
	if (!pm[0].scan)
		skip();
	touch(mem, 16); /* reaches beyond the spans on both sides */
	touch(mem + 40 * PAGE, 4);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kill(getpid(), SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(proc_open(&child, pid, &child_buf, &err), 0);
	assert_int_equal(pagemap_open(&map_of_child, &child, &err), 0);
	expect_cut(&map_of_child, spans, 3);
	expect_cut(&map_of_child, &everything, 1);
	expect_cut(&map_of_child, NULL, 0);
	pagemap_close(&map_of_child);
	proc_close(&child);
	proc_buf_free(&child_buf);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	munmap(mem, 64 * PAGE);
}

/* Runs that lie in spans which touch are taken as they are; one page outside, and they are cut. */
static void cut_runs(void **state)
{
	const struct page_span spans[] = { { PAGE, 3 * PAGE }, { 3 * PAGE, 5 * PAGE } };

	(void)state;
	for (uint64_t end = 4; end <= 6; end++) {
		struct page_runs all = { 0 }, cut = { 0 };

		page_runs_add(&all, 2 * PAGE, end * PAGE, 0);
		assert_int_equal(page_runs_cut(&all, spans, 2, &cut), 0);
		assert_null(all.runs);
		assert_int_equal(cut.n, 1);
		assert_int_equal(cut.runs[0].start, 2 * PAGE);
		assert_int_equal(cut.runs[0].end, (end < 5 ? end : 5) * PAGE);
		assert_int_equal(cut.pages, (end < 5 ? end : 5) - 2);
		page_runs_free(&cut);
	}
}

static void private_file(void **state)
{
	int fd = temp_file(8);
	char *mem = map(8, MAP_PRIVATE, fd);

	(void)state;
	look(mem, 8); /* all in the page cache and mapped */
	expect(mem, 8, &PAGEMAP_MAPPED, "11111111");
	expect(mem, 8, &PAGEMAP_PRIVATE, "00000000");
	touch(mem + 3 * PAGE, 2); /* copied on write */
	expect(mem, 8, &PAGEMAP_PRIVATE, "00011000");
	/* The same after the file's pages went from the mapping. */
	assert_int_equal(madvise(mem, 3 * PAGE, MADV_DONTNEED), 0);
	expect(mem, 8, &PAGEMAP_PRIVATE, "00011000");
	munmap(mem, 8 * PAGE);
	close(fd);
}

static void private_memfd(void **state)
{
	int fd = memfd_create("test", 0);
	char *mem;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8 * PAGE), 0);
	mem = map(8, MAP_PRIVATE, fd);
	look(mem, 4);
	touch(mem + PAGE, 1);
	touch(mem + 6 * PAGE, 1);
	expect(mem, 8, &PAGEMAP_PRIVATE, "01000010");
	munmap(mem, 8 * PAGE);
	close(fd);
}

static void shared(void **state)
{
	char *mem = map(8, MAP_SHARED | MAP_ANONYMOUS, -1);

	(void)state;
	touch(mem + PAGE, 2);
	look(mem + 5 * PAGE, 1); /* reading shared memory makes a page */
	expect(mem, 8, &PAGEMAP_PRIVATE, "00000000");
	expect(mem, 8, &PAGEMAP_MAPPED, "01100100");
	munmap(mem, 8 * PAGE);
}

static void forked(void **state)
{
	char *mem = map(4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	pid_t child;

	(void)state;
	touch(mem, 2);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	/* Shared with the child until one writes; each has to keep its own. */
	expect(mem, 4, &PAGEMAP_PRIVATE, "1100");
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	munmap(mem, 4 * PAGE);
}

static void guards(void **state)
{
	char *mem = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	(void)state;
	touch(mem, 8);
	if (madvise(mem + 2 * PAGE, 3 * PAGE, MADV_GUARD_INSTALL)) {
		munmap(mem, 8 * PAGE);
		print_message("no MADV_GUARD_INSTALL (Linux 6.13)\n");
		skip();
	}
	if (pm[0].guard) {
		expect(mem, 8, &PAGEMAP_PRIVATE, "11000111");
		expect(mem, 8, &PAGEMAP_MAPPED, "11000111");
		expect(mem, 8, &PAGEMAP_GUARD, "00111000");
	} else {
		expect(mem, 8, &PAGEMAP_GUARD, "00000000");
	}
	munmap(mem, 8 * PAGE);
}

static char *map_huge(void)
{
	char *raw =
		mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mem = (char *)(((uintptr_t)raw + HUGE - 1) & ~(HUGE - 1));

	assert_true(raw != MAP_FAILED);
	munmap(raw, mem - raw);
	munmap(mem + HUGE, raw + HUGE - mem);
	assert_int_equal(madvise(mem, HUGE, MADV_HUGEPAGE), 0);
	return mem;
}

static void huge(void **state)
{
	char ones[513], *mem = map_huge();
	struct page_span span = { (uintptr_t)mem, (uintptr_t)mem + HUGE };

	(void)state;
	memset(ones, '1', 512);
	ones[512] = '\0';
	touch(mem, 512);
	expect(mem, 512, &PAGEMAP_PRIVATE, ones);
	for (int i = 0; i < engines; i++) {
		struct page_runs runs = { 0 };

		assert_int_equal(pagemap_find(&pm[i], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
				 0);
		assert_int_equal(runs.n, 1);
		assert_int_equal(runs.pages, 512);
		page_runs_free(&runs);
	}
	munmap(mem, HUGE);
}

/* Nothing but reading: the huge zero page. An answer that has it is right, but costs. */
static void huge_zero(void **state)
{
	char *mem = map_huge();
	struct page_span span = { (uintptr_t)mem, (uintptr_t)mem + HUGE };

	(void)state;
	look(mem, 512);
	for (int i = 0; i < engines; i++) {
		struct page_runs runs = { 0 };

		assert_int_equal(pagemap_find(&pm[i], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
				 0);
		print_message("huge zero page, engine %d: %d pages\n", i, (int)runs.pages);
		assert_true(runs.pages == 0 || runs.pages == 512);
		page_runs_free(&runs);
	}
	munmap(mem, HUGE);
}

/* A file to swap to, for as long as one test takes; false where that is not allowed. */
static bool swap_on(const char *name)
{
	size_t pages = 1024;
	char page[PAGE] = { 0 };
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint32_t head[3] = { 1, pages - 1, 0 };

	assert_true(fd >= 0);
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	for (size_t i = 0; i < pages; i++) {
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
		memset(page, 0, sizeof(page));
	}
	fsync(fd);
	close(fd);
	return !swapon(name, 0);
}

static const char swap_name[] = "test_pagemap.swap";

/* Also when it fails: what the machine swaps to a file that stays would disturb everybody. */
static int swap_off(void **state)
{
	(void)state;
	swapoff(swap_name);
	unlink(swap_name);
	return 0;
}

static void swapped(void **state)
{
	int fd = temp_file(4);
	char *mem, *file;
	bool own;

	(void)state;
	own = swap_on(swap_name);
	if (!own)
		print_message("swapon: %s\n", strerror(errno));
	mem = map(16, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	file = map(4, MAP_PRIVATE, fd);
	memset(mem + PAGE, 'y', 3 * PAGE);
	look(mem + 8 * PAGE, 2);
	look(file, 4);
	memset(file + 2 * PAGE, 'z', PAGE);
	madvise(mem, 16 * PAGE, MADV_PAGEOUT);
	madvise(file, 4 * PAGE, MADV_PAGEOUT);
	expect(mem, 16, &PAGEMAP_PRIVATE, "01110000zz000000");
	expect(file, 4, &PAGEMAP_PRIVATE, "0010");
	if (own) {
		static const struct pagemap_cond swapped_cond = { .all = PM_SWAPPED };

		expect(mem, 16, &swapped_cond, "01110000zz000000");
		expect(file, 4, &swapped_cond, "0010");
	}
	munmap(mem, 16 * PAGE);
	munmap(file, 4 * PAGE);
	close(fd);
	if (own)
		assert_int_equal(swapoff(swap_name), 0);
	if (!own)
		skip();
}

/* Spans with other memory between them: theirs must not show, whatever engine. */
static void many_spans(void **state)
{
	enum { AREAS = 300, SIZE = 8 };
	char *mem = map(AREAS * SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct page_span spans[AREAS];
	uint8_t present[AREAS * SIZE] = { 0 }, wanted[AREAS * SIZE] = { 0 };
	size_t n = 0;

	(void)state;
	srand(1);
	for (size_t i = 0; i < AREAS * SIZE; i++)
		if (rand() % 3 == 0) {
			touch(mem + i * PAGE, 1);
			present[i] = 1;
		}
	for (size_t i = 0; i < AREAS; i++) {
		size_t from = i * SIZE + rand() % 3, pages = 1 + rand() % 5;

		if (rand() % 4 == 0)
			continue;
		spans[n++] = (struct page_span){ (uintptr_t)mem + from * PAGE,
						 (uintptr_t)mem + (from + pages) * PAGE };
		memset(wanted + from, 1, pages);
	}
	for (int i = 0; i < engines; i++) {
		struct page_runs runs = { 0 };
		uint8_t found[AREAS * SIZE] = { 0 };
		struct err err = { 0 };
		uint64_t calls = pm[i].calls;

		assert_int_equal(pagemap_find(&pm[i], spans, n, &PAGEMAP_PRIVATE, PM_PRESENT, &runs,
					      &err),
				 0);
		if (pm[i].scan)
			assert_int_equal(pm[i].calls - calls, 1);
		for (size_t r = 0; r < runs.n; r++) {
			assert_int_equal(runs.runs[r].categories, PM_PRESENT);
			for (uint64_t at = runs.runs[r].start; at < runs.runs[r].end; at += PAGE)
				found[(at - (uintptr_t)mem) / PAGE]++;
		}
		for (size_t p = 0; p < AREAS * SIZE; p++)
			assert_int_equal(found[p], present[p] & wanted[p]);
		page_runs_free(&runs);
	}
	munmap(mem, AREAS * SIZE * PAGE);
}

/* More runs than one call of the ioctl gives back. */
static void many_runs(void **state)
{
	enum { PAGES = 50000 };
	char *mem = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct page_span span = { (uintptr_t)mem, (uintptr_t)mem + PAGES * PAGE };

	(void)state;
	for (size_t i = 0; i < PAGES; i += 2)
		touch(mem + i * PAGE, 1);
	for (int i = 0; i < engines; i++) {
		struct page_runs runs = { 0 };

		assert_int_equal(pagemap_find(&pm[i], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
				 0);
		assert_int_equal(runs.n, PAGES / 2);
		assert_int_equal(runs.pages, PAGES / 2);
		for (size_t r = 0; r < runs.n; r++)
			assert_int_equal(runs.runs[r].start, span.start + r * 2 * PAGE);
		page_runs_free(&runs);
	}
	munmap(mem, PAGES * PAGE);
}

static int track(char *mem, size_t pages)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };
	struct uffdio_register reg = { .range = { (uintptr_t)mem, pages * PAGE },
				       .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)mem, pages * PAGE },
					  .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ||
	    ioctl(fd, UFFDIO_WRITEPROTECT, &wp)) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void written(void **state)
{
	char *mem = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct page_span span = { (uintptr_t)mem, (uintptr_t)mem + 8 * PAGE };
	struct page_runs runs = { 0 };
	int fd;

	(void)state;
	touch(mem, 4);
	fd = track(mem, 8);
	if (fd < 0 || !pm[0].scan) {
		munmap(mem, 8 * PAGE);
		print_message("no write tracking (Linux 6.7)\n");
		skip();
	}
	assert_int_equal(pagemap_find_written(&pm[0], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
			 0);
	assert_int_equal(runs.pages, 0);
	touch(mem + PAGE, 2);
	touch(mem + 6 * PAGE, 1);
	assert_int_equal(pagemap_find_written(&pm[0], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
			 0);
	assert_int_equal(runs.n, 2);
	assert_int_equal(runs.runs[0].start, span.start + PAGE);
	assert_int_equal(runs.runs[0].end, span.start + 3 * PAGE);
	assert_int_equal(runs.runs[1].start, span.start + 6 * PAGE);
	assert_int_equal(runs.pages, 3);
	page_runs_free(&runs);
	/* Protected again by the same call. */
	assert_int_equal(pagemap_find_written(&pm[0], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
			 0);
	assert_int_equal(runs.pages, 0);
	/* The fallback has no such thing and says so. */
	assert_int_equal(pagemap_find_written(&pm[1], &span, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
			 -EOPNOTSUPP);
	page_runs_free(&runs);
	close(fd);
	munmap(mem, 8 * PAGE);
}

static void frame_numbers(void **state)
{
	char *mem = map(3, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64_t pfn[3];

	(void)state;
	touch(mem, 1);
	look(mem + PAGE, 1);
	assert_int_equal(pagemap_pfns(&pm[0], (uintptr_t)mem, pfn, 3, NULL), 0);
	assert_int_equal(pfn[2], 0);
	if (!geteuid()) {
		assert_int_not_equal(pfn[0], 0);
		assert_int_not_equal(pfn[1], pfn[0]);
	}
	munmap(mem, 3 * PAGE);
}

static void bad_spans(void **state)
{
	struct page_span odd = { 4096, 8191 }, empty = { 8192, 8192 };
	struct page_span order[2] = { { 16384, 20480 }, { 8192, 12288 } };
	struct page_runs runs = { 0 };

	(void)state;
	assert_int_equal(pagemap_find(&pm[0], &odd, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL), -EINVAL);
	assert_int_equal(pagemap_find(&pm[0], &empty, 1, &PAGEMAP_PRIVATE, 0, &runs, NULL),
			 -EINVAL);
	assert_int_equal(pagemap_find(&pm[0], order, 2, &PAGEMAP_PRIVATE, 0, &runs, NULL), -EINVAL);
	assert_int_equal(pagemap_find(&pm[0], order, 0, &PAGEMAP_PRIVATE, 0, &runs, NULL), 0);
	assert_int_equal(runs.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous),
		cmocka_unit_test(whole_space),
		cmocka_unit_test(cut_runs),
		cmocka_unit_test(private_file),
		cmocka_unit_test(private_memfd),
		cmocka_unit_test(shared),
		cmocka_unit_test(forked),
		cmocka_unit_test(guards),
		cmocka_unit_test(huge),
		cmocka_unit_test(huge_zero),
		cmocka_unit_test_teardown(swapped, swap_off),
		cmocka_unit_test(many_spans),
		cmocka_unit_test(many_runs),
		cmocka_unit_test(written),
		cmocka_unit_test(frame_numbers),
		cmocka_unit_test(bad_spans),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
