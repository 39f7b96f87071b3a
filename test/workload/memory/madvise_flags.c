/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every advice that stays with an area, alone and combined: VmFlags of each area are the same,
 * and DONTFORK and WIPEONFORK still do what they say.
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

static const struct {
	int flags, advice[2];
	bool lock;
	const char *name; /* the VmFlags that must be there at the start */
} kind[] = {
	{ 0, { MADV_NORMAL }, false, "rd" },
	{ 0, { MADV_DONTFORK }, false, "dc" },
	{ 0, { MADV_SEQUENTIAL }, true, "sr" },
	{ 0, { MADV_RANDOM }, false, "rr" },
	{ MAP_NORESERVE, { MADV_DONTDUMP }, false, "dd" },
	{ 0, { MADV_HUGEPAGE }, false, "hg" },
	{ 0, { MADV_NOHUGEPAGE }, false, "nh" },
	{ 0, { MADV_MERGEABLE }, false, "mg" },
	{ 0, { MADV_WIPEONFORK }, false, "wf" },
	{ 0, { MADV_DONTFORK, MADV_DONTDUMP }, false, "dc" },
	{ 0, { MADV_WIPEONFORK, MADV_RANDOM }, true, "rr" },
	{ MAP_NORESERVE, { MADV_NOHUGEPAGE, MADV_SEQUENTIAL }, false, "nr" },
	{ MAP_STACK, { MADV_NOHUGEPAGE }, false, "nh" },
};
enum { COUNT = sizeof(kind) / sizeof(kind[0]), DONTFORK = 1, WIPEONFORK = 8 };

/* Kernels without KSM or THP answer EINVAL to their advice; the area then has none. */
static void advise(char *area, size_t size, int advice)
{
	bool optional = advice == MADV_MERGEABLE || advice == MADV_HUGEPAGE ||
			advice == MADV_NOHUGEPAGE;

	if (madvise(area, size, advice) < 0 && !(optional && errno == EINVAL))
		wl_pfail("madvise %d", advice);
}

/* The flags as text, without "sd" (soft-dirty), which isn't the program's. */
static char *flags_of(const char *area)
{
	char *flags = wl_vma_field(area, "VmFlags"), *sd;

	wl_check(flags);
	sd = strstr(flags, "sd ");
	if (sd)
		memmove(sd, sd + 3, strlen(sd + 3) + 1);
	return flags;
}

int main(void)
{
	size_t page = getpagesize(), size = 4 * page;
	char *area[COUNT], *flags[COUNT];
	pid_t pid;
	int fds[2];

	for (int i = 0; i < COUNT; i++) {
		area[i] = wl_try(mmap(NULL, size + page, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | kind[i].flags, -1, 0));
		wl_try(mprotect(area[i] + size, page, PROT_NONE));
		advise(area[i], size, kind[i].advice[0]);
		/* MADV_NORMAL would take the first advice back. */
		if (kind[i].advice[1] != MADV_NORMAL)
			advise(area[i], size, kind[i].advice[1]);
		if (kind[i].lock)
			wl_try(mlock(area[i], size));
		wl_fill(area[i], size, i);
		flags[i] = flags_of(area[i]);
		wl_check(strstr(flags[i], kind[i].name) || strstr("hg nh mg", kind[i].name));
	}
	wl_ready_and_wait();
	for (int i = 0; i < COUNT; i++) {
		char *now = flags_of(area[i]);

		if (strcmp(now, flags[i]))
			wl_fail("area %d: VmFlags are '%s', were '%s'", i, now, flags[i]);
		wl_check(wl_matches(area[i], size, i));
	}
	wl_try(pipe(fds));
	pid = wl_fork();
	if (pid == 0) {
		wl_check(write(fds[1], area[DONTFORK], 1) < 0 && errno == EFAULT);
		wl_check_eq(area[WIPEONFORK][1] | area[WIPEONFORK][2] | area[WIPEONFORK][3], 0);
		_exit(0);
	}
	wl_reap(pid);
	wl_pass();
}
