/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of two descriptions of a file holds a shared lock by flock(2). The other has none afterwards,
 * can take a shared one, but not an exclusive one.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 */
#define _GNU_SOURCE
#include "held.h"

int main(void)
{
	int one = wl_try(open("file", O_RDWR | O_CREAT, 0600));
	int two = wl_try(open("file", O_RDWR));
	char *before;

	wl_try(flock(one, LOCK_SH | LOCK_NB));
	before = held(0, one);
	wl_ready_and_wait();
	wl_check_text("the first", held(0, one), before);
	wl_check_text("the second", held(0, two), "");
	wl_check(flock(two, LOCK_EX | LOCK_NB) < 0);
	wl_check_eq(flock(two, LOCK_SH | LOCK_NB), 0);
	wl_pass();
}
