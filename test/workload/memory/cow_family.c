/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of one parent, before and after one with much memory and a child of its own: each has
 * its own pages in holes of the parent's memory, with just the contents that the parent's pages
 * beside them have; one that differs from the parent's in its last byte; and some that it has never
 * written, which stay one physical page. A restore compares what images hold of parent and child,
 * and must neither take one place for another nor one task for another (engine/restore/alike.c).
 *
 * wl: areas memory
 * wl: needs pfn
 * wl: cycles 3
 * wl: crossing from
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { GROUPS = 6, GROUP = 8, PAGES = GROUPS * GROUP, MUCH = 2048 };
/* Of a group: what the parent has, and what a child does with it. */
enum { FIRST, LIKE_BEFORE, SECOND, LIKE_BEHIND, THIRD, OWN, HOLE, LAST };

static char *area;
static size_t page;

static char *at(int group, int i)
{
	return area + (group * GROUP + i) * page;
}

static bool parent_has(int i)
{
	return i == FIRST || i == SECOND || i == THIRD || i == LAST;
}

static uint32_t seed(int group, int i)
{
	return 100 + group * GROUP + i;
}

static void change(int who)
{
	for (int g = 0; g < GROUPS; g++) {
		memcpy(at(g, LIKE_BEFORE), at(g, FIRST), page);
		memcpy(at(g, LIKE_BEHIND), at(g, THIRD), page);
		at(g, THIRD)[page - 1] ^= 1;
		wl_fill(at(g, OWN), page, who * 1000 + g);
	}
}

static bool is_changed(int who, int group, int i)
{
	static const char zeroes[65536];
	char *p = at(group, i), copy[65536];

	switch (i) {
	case LIKE_BEFORE:
		return wl_matches(p, page, seed(group, FIRST));
	case LIKE_BEHIND:
		return wl_matches(p, page, seed(group, THIRD));
	case THIRD:
		memcpy(copy, p, page);
		copy[page - 1] ^= 1;
		return wl_matches(copy, page, seed(group, THIRD));
	case OWN:
		return wl_matches(p, page, who * 1000 + group);
	case HOLE:
		return memcmp(p, zeroes, page) == 0;
	default:
		return wl_matches(p, page, seed(group, i));
	}
}

static void check_child(int who)
{
	for (int g = 0; g < GROUPS; g++)
		for (int i = 0; i < GROUP; i++)
			if (!is_changed(who, g, i))
				wl_fail("child %d: page %d of group %d is another one", who, i, g);
}

/* In the parent: what neither has written, or only before the fork. */
static void check_shared(const pid_t *pids, int n)
{
	static const int same[] = { FIRST, SECOND, LAST };

	for (int k = 0; k < n; k++)
		for (int g = 0; g < GROUPS; g++)
			for (int i = 0; i < 3; i++)
				if (!wl_same_page(0, at(g, same[i]), pids[k], at(g, same[i])))
					wl_fail("child %d: page %d of group %d is not shared", k,
						same[i], g);
}

static void grandchild(void)
{
	for (int g = 0; g < GROUPS; g++)
		wl_fill(at(g, OWN), page, 9000 + g);
	wl_child_wait();
	check_child(9);
	_exit(0);
}

static void child(int who, bool has_much)
{
	char *much = NULL;
	pid_t pid = 0;

	change(who);
	if (has_much) {
		much = wl_try(mmap(NULL, MUCH * page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		wl_fill(much, MUCH * page, who);
		pid = wl_fork_awaited();
		if (pid == 0)
			grandchild();
	}
	wl_child_wait();
	check_child(who);
	wl_check(!much || wl_matches(much, MUCH * page, who));
	if (pid)
		wl_finish(pid);
	_exit(0);
}

int main(void)
{
	pid_t pids[4];

	page = getpagesize();
	area = wl_try(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	wl_try(madvise(area, PAGES * page, MADV_NOHUGEPAGE));
	for (int g = 0; g < GROUPS; g++)
		for (int i = 0; i < GROUP; i++)
			if (parent_has(i))
				wl_fill(at(g, i), page, seed(g, i));
	for (int k = 0; k < 4; k++) {
		pids[k] = wl_fork_awaited();
		if (pids[k] == 0)
			child(k, k == 1);
	}
	check_shared(pids, 4);
	wl_ready_and_wait();
	for (int g = 0; g < GROUPS; g++)
		for (int i = 0; i < GROUP; i++)
			wl_check(!parent_has(i) || wl_matches(at(g, i), page, seed(g, i)));
	check_shared(pids, 4);
	for (int k = 0; k < 4; k++)
		wl_finish(pids[k]);
	wl_pass();
}
