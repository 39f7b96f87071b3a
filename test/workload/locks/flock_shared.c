/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks by flock(2) on descriptions that tasks share. One was taken by the parent, and its child
 * has it too: it shows once, in both. Another was taken by the parent, which has closed its
 * descriptor since: the child's shows it. A third is the child's only, and the parent has opened
 * the same file anew: its attempt fails.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 */
#define _GNU_SOURCE
#include "held.h"

int main(void)
{
	int both = wl_try(open("both", O_RDWR | O_CREAT, 0600)), anew;
	int left = wl_try(open("left", O_RDWR | O_CREAT, 0600));
	int only = wl_try(open("only", O_RDWR | O_CREAT, 0600));
	char *mine, *its_left, *its_only;
	pid_t child;

	wl_try(flock(both, LOCK_EX | LOCK_NB));
	wl_try(flock(left, LOCK_EX | LOCK_NB));
	child = wl_fork_awaited();
	if (!child) {
		wl_try(flock(only, LOCK_EX | LOCK_NB));
		wl_child_wait();
		wl_check_eq(lines(held(0, left)), 1);
		_exit(0);
	}
	close(left);
	close(only);
	anew = wl_try(open("only", O_RDWR));
	wl_check(flock(anew, LOCK_EX | LOCK_NB) < 0);
	mine = held(0, both);
	its_left = held(child, left);
	its_only = held(child, only);
	wl_check_eq(lines(mine), 1);
	wl_check_eq(lines(its_left), 1);
	wl_check_eq(lines(its_only), 1);
	wl_check(strstr(its_only, "WRITE"));

	wl_ready_and_wait();
	wl_check_text("both, parent", held(0, both), mine);
	wl_check_text("both, child", held(child, both), mine);
	wl_check_eq(lines(held(child, left)), 1);
	wl_check(strstr(held(child, left), "FLOCK  ADVISORY  WRITE"));
	wl_check_text("only", held(child, only), its_only);
	wl_check(wl_same_description(getpid(), both, child, both));
	wl_check(flock(anew, LOCK_EX | LOCK_NB) < 0);
	wl_check_eq(errno, EWOULDBLOCK);
	wl_finish(child);
	wl_check_eq(flock(anew, LOCK_EX | LOCK_NB), 0);
	wl_pass();
}
