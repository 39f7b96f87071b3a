/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tasks and two pipes: each of the 256 combinations of which task holds which ends. Presence or
 * absence at each number, the common inode of both ends, read or write mode.
 *
 * wl: areas pipes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { COMBINATIONS = 256, BASE = 100 };

/* Bits 0-3 of a combination: ends of pipe 1 (r, w) and 2 (r, w) in the parent; 4-7 in the child. */
static int number(int combination, int end)
{
	return BASE + combination * 4 + end;
}

static void check(int shift)
{
	for (int c = 0; c < COMBINATIONS; c++) {
		ino_t inode[2] = { 0 };

		for (int end = 0; end < 4; end++) {
			bool want = c >> shift & 1 << end;
			int fd = number(c, end), flags = fcntl(fd, F_GETFL);
			struct stat st;

			if (want != (flags >= 0))
				wl_fail("descriptor %d of combination %x is %s", fd, c,
					want ? "missing" : "there");
			if (!want)
				continue;
			wl_check_eq(flags & O_ACCMODE, end % 2 ? O_WRONLY : O_RDONLY);
			wl_try(fstat(fd, &st));
			wl_check(S_ISFIFO(st.st_mode));
			if (inode[end / 2])
				wl_check_eq(st.st_ino, inode[end / 2]);
			inode[end / 2] = st.st_ino;
		}
		wl_check(!inode[0] || inode[0] != inode[1]);
	}
}

static void keep(int shift)
{
	for (int c = 0; c < COMBINATIONS; c++)
		for (int end = 0; end < 4; end++)
			if (!(c >> shift & 1 << end))
				close(number(c, end));
}

/* Ends of one pipe in both tasks are one open file description where both hold the same end, and
 * the same inode else. */
static void check_across(pid_t pid)
{
	for (int c = 0; c < COMBINATIONS; c++)
		for (int p = 0; p < 2; p++) {
			struct stat mine, theirs;
			int own = c >> 2 * p & 3, other = c >> (4 + 2 * p) & 3;

			if (!own || !other)
				continue;
			wl_try(fstat(number(c, 2 * p + (own & 1 ? 0 : 1)), &mine));
			wl_try(stat(wl_format("/proc/%d/fd/%d", pid,
					      number(c, 2 * p + (other & 1 ? 0 : 1))),
				    &theirs));
			wl_check_eq(mine.st_ino, theirs.st_ino);
			for (int e = 0; e < 2; e++)
				if (own & other & 1 << e)
					wl_check(wl_same_description(getpid(), number(c, 2 * p + e),
								     pid, number(c, 2 * p + e)));
		}
}

int main(void)
{
	pid_t pid;

	for (int c = 0; c < COMBINATIONS; c++)
		for (int p = 0; p < 2; p++) {
			int fds[2];

			wl_try(pipe(fds));
			/* Both to their places; the pair's own numbers are below. */
			wl_check(fds[1] < BASE);
			wl_move_fd(fds[0], number(c, 2 * p));
			wl_move_fd(fds[1], number(c, 2 * p + 1));
		}
	pid = wl_fork_awaited();
	if (pid == 0) {
		keep(4);
		wl_child_wait();
		check(4);
		_exit(0);
	}
	keep(0);
	check(0);
	check_across(pid);
	wl_ready_and_wait();
	check(0);
	check_across(pid);
	wl_finish(pid);
	wl_pass();
}
