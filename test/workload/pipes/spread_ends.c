/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of pipes with contents are in different tasks of a tree of depth three: root and
 * grandchild, two siblings, an uncle and a nephew, and one pipe of which both ends are only in a
 * grandchild. Contents arrive at their reader, and the end of file follows.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

#include "workload.h"

enum { ROOT, LEFT, RIGHT, LEAF, TASKS };
enum { PIPES = 6 };

/* Reader and writer of each pipe; LEAF is a child of RIGHT. */
static const struct {
	int reader, writer;
} use[PIPES] = { { ROOT, LEAF }, { LEAF, ROOT }, { LEFT, RIGHT },
		 { LEAF, LEFT }, { LEAF, LEAF }, { RIGHT, LEAF } };

static int fds[PIPES][2];

static void keep(int task)
{
	for (int p = 0; p < PIPES; p++) {
		if (use[p].reader != task)
			close(fds[p][0]);
		if (use[p].writer != task)
			close(fds[p][1]);
	}
}

static void write_before(int task)
{
	char buf[500];

	for (int p = 0; p < PIPES; p++)
		if (use[p].writer == task) {
			wl_fill(buf, sizeof(buf), p);
			wl_check_eq(write(fds[p][1], buf, sizeof(buf)), sizeof(buf));
		}
}

static void check(int task)
{
	char buf[501];

	for (int p = 0; p < PIPES; p++)
		if (use[p].writer == task)
			close(fds[p][1]);
	for (int p = 0; p < PIPES; p++)
		if (use[p].reader == task) {
			wl_check_eq(read(fds[p][0], buf, sizeof(buf)), 500);
			wl_check(wl_matches(buf, 500, p));
			/* Blocks until the writer has closed its end. */
			wl_check_eq(read(fds[p][0], buf, sizeof(buf)), 0);
		}
}

static void run(int task, pid_t below)
{
	keep(task);
	write_before(task);
	wl_child_wait();
	/* The whole tree goes on at the same time. */
	if (below)
		wl_try(kill(below, SIGTERM));
	check(task);
	if (below)
		wl_reap(below);
	_exit(0);
}

int main(void)
{
	pid_t left, right, leaf;

	for (int p = 0; p < PIPES; p++)
		wl_try(pipe(fds[p]));
	if ((left = wl_fork_awaited()) == 0)
		run(LEFT, 0);
	if ((right = wl_fork_awaited()) == 0) {
		if ((leaf = wl_fork_awaited()) == 0)
			run(LEAF, 0);
		run(RIGHT, leaf);
	}
	keep(ROOT);
	write_before(ROOT);
	wl_ready_and_wait();
	wl_try(kill(left, SIGTERM));
	wl_try(kill(right, SIGTERM));
	check(ROOT);
	wl_reap(left);
	wl_reap(right);
	wl_pass();
}
