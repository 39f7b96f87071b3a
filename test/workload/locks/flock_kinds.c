/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two of three files carry a lock by flock(2), one shared and one exclusive; so do a folder and a
 * FIFO. Each shows the same single lock afterwards, of the same process, and it holds against
 * another description.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "held.h"

#define N 5

int main(void)
{
	static const char *const paths[N] = { "none", "shared", "exclusive", "folder", "fifo" };
	static const int ops[N] = { 0, LOCK_SH, LOCK_EX, LOCK_SH, LOCK_EX };
	static const int count[N] = { 0, 1, 1, 1, 1 };
	char *before[N];
	int fds[N];

	wl_try(mkdir("folder", 0700));
	wl_try(mkfifo("fifo", 0600));
	for (int i = 0; i < N; i++) {
		fds[i] = wl_try(open(paths[i],
				     i == 3  ? O_RDONLY
				     : i < 3 ? O_RDWR | O_CREAT
					     : O_RDWR,
				     0600));
		if (ops[i])
			wl_try(flock(fds[i], ops[i] | LOCK_NB));
		before[i] = held(0, fds[i]);
		wl_check_eq(lines(before[i]), count[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < N; i++) {
		int other = wl_try(open(paths[i], i == 3 ? O_RDONLY : O_RDWR));

		wl_check_text(paths[i], held(0, fds[i]), before[i]);
		wl_check((flock(other, LOCK_EX | LOCK_NB) < 0) == (ops[i] != 0));
		if (ops[i])
			wl_check_eq(errno, EWOULDBLOCK);
		wl_check((flock(other, LOCK_SH | LOCK_NB) < 0) == (ops[i] == LOCK_EX));
		close(other);
	}
	wl_pass();
}
