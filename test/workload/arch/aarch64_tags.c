/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: memory with tags (MTE): each 16 bytes keep their tag, of pages with contents and of such
 * that hold nothing but zeroes, private and shared ones, writable or not; pages without tags are
 * not brought in. A thread that has them checked is sent SIGSEGV for a wrong one, and hands tagged
 * addresses to the kernel; another one has nothing of it. A child has other tags in one page, and
 * the others in common with its parent.
 *
 *	wl: areas   arch memory
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64 feature:mte
 *	wl: cycles  2
 *	wl: crossing none CRIU keeps neither tags nor what is done with them
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PROT_TAGS	0x20
#define TAGS_GET	56
#define TAGS_SET	55
#define TAGS_ENABLE	1
#define TAGS_SYNC	2
#define TAGS_GIVEN(set) ((set) << 3)
#define SEGV_TAG	9 /* SEGV_MTESERR */
#define CONTROL		(TAGS_ENABLE | TAGS_SYNC | TAGS_GIVEN(0x5afeul & 0xffff))
#define PAGES		6
#define SIZE		(PAGES * 4096)
#define GRANULES	(SIZE / 16)

static unsigned int get_tag(const char *at)
{
	uint64_t x = (uintptr_t)at;

	__asm__ volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]" : "+r"(x)::"memory");
	return x >> 56 & 0xf;
}

static char *tagged(const char *at, unsigned int tag)
{
	return (char *)((uintptr_t)at | (uintptr_t)tag << 56);
}

static void set_tag(char *at, unsigned int tag)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" ::"r"(tagged(at, tag))
			 : "memory");
}

/* QEMU 7.2 has two tags a page only: one for all of its even places, one for the odd ones. */
static bool coarse;

static void find_grain(void)
{
	char *at = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_TAGS,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	set_tag(at, 1);
	set_tag(at + 32, 2);
	coarse = get_tag(at) != 1;
	wl_try(munmap(at, 4096));
}

/* Page 0: contents and tags; 1: zeroes and tags; 2: contents; 3: one tag at the end; 4, 5: empty. */
static unsigned int want_tag(int i, unsigned int seed)
{
	if (i < 512)
		return ((coarse ? i / 256 * 2 + i % 2 : i * 7) + seed) % 16;
	return (coarse ? i / 256 == 3 && i % 2 : i == 4 * 256 - 1) ? 9 : 0;
}

static void fill(char *at, unsigned int seed)
{
	wl_fill(at, 4096, seed);
	wl_fill(at + 2 * 4096, 4096, seed);
	for (int i = 0; i < GRANULES; i++)
		if (want_tag(i, seed))
			set_tag(at + i * 16, want_tag(i, seed));
}

static void check(const char *name, char *at, unsigned int seed)
{
	for (int i = 0; i < 4 * 256; i++)
		if (get_tag(at + i * 16) != want_tag(i, seed))
			wl_fail("%s: the tag at %#x is %u, expected %u", name, i * 16,
				get_tag(at + i * 16), want_tag(i, seed));
	wl_check(wl_matches(at, 4096, seed));
	wl_check(wl_matches(at + 2 * 4096, 4096, seed));
	for (int i = 0; i < 4096; i++)
		wl_check_eq(at[4096 + i], 0);
	wl_check(wl_vma_flag(at, "mt"));
}

static bool present(const char *at)
{
	return wl_pagemap(0, at) >> 63;
}

static char *private, *fixed, *shared;
static sigjmp_buf back;
static volatile int code;

static void caught(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	code = info->si_code;
	siglongjmp(back, 1);
}

/* Tag 0 where it is another one. */
static void touch_wrongly(void)
{
	code = 0;
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)tagged(private, 0);
}

static int fds[2];

/* In a thread of its own: read(2) to a tagged address waits over the dump. */
static void *checked(void *arg)
{
	static char *at; /* a place with a tag */

	at = private + 16;
	wl_check_eq(prctl(TAGS_SET, CONTROL, 0, 0, 0), 0);
	__atomic_store_n((pid_t *)arg, gettid(), __ATOMIC_SEQ_CST);
	wl_check_eq(read(fds[0], tagged(at, want_tag(1, 1)), 1), 1);
	wl_check_eq(*(volatile char *)tagged(at, want_tag(1, 1)), 'x');
	wl_check_eq(prctl(TAGS_GET, 0, 0, 0, 0), CONTROL);
	touch_wrongly();
	wl_check_eq(code, SEGV_TAG);
	return NULL;
}

static void in_child(void)
{
	set_tag(private + 2 * 4096, 3);
	wl_child_wait();
	wl_check_eq(get_tag(private + 2 * 4096), 3);
	wl_check_eq(get_tag(private + 2 * 4096 + 16), 0);
	wl_check_eq(get_tag(private + 4096), want_tag(256, 1));
	_exit(0);
}

int main(void)
{
	const int rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	struct sigaction act = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO };
	bool frames = geteuid() == 0;
	pthread_t thread;
	pid_t child, tid = 0;

	find_grain();
	wl_try(pipe(fds));
	wl_try(sigaction(SIGSEGV, &act, NULL));
	private = wl_try(mmap(NULL, SIZE, rw | PROT_TAGS, anon, -1, 0));
	fixed = wl_try(mmap(NULL, SIZE, rw | PROT_TAGS, anon, -1, 0));
	shared = wl_try(mmap(NULL, SIZE, rw | PROT_TAGS, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	/* The first access is checked, if at all: it is tag 0 for now, as wl_fill() has it. */
	fill(private, 1);
	fill(fixed, 2);
	fill(shared, 3);
	wl_try(mprotect(fixed, SIZE, PROT_READ));
	child = wl_fork_awaited();
	if (!child)
		in_child();
	wl_check_eq(pthread_create(&thread, NULL, checked, &tid), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	wl_await_call(tid, 63 /* read */);
	wl_ready_and_wait();
	wl_check(!present(private + 4 * 4096) && !present(fixed + 5 * 4096));
	wl_check_eq(prctl(TAGS_GET, 0, 0, 0, 0), 0);
	touch_wrongly();
	wl_check_eq(code, 0);
	check("private", private, 1);
	check("read only", fixed, 2);
	check("shared", shared, 3);
	if (frames && wl_pagemap(0, private) & 0xffffffff) {
		wl_check(wl_same_page(0, private + 4096, child, private + 4096));
		wl_check(!wl_same_page(0, private + 2 * 4096, child, private + 2 * 4096));
	}
	wl_check_eq(write(fds[1], "x", 1), 1);
	wl_check_eq(pthread_join(thread, NULL), 0);
	wl_finish(child);
	wl_pass();
}
