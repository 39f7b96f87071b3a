/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three threads have each a filter for a call of its own, which fails with errno 1234; the
 * leader has none. Each sees its own filter afterwards and no other.
 *
 *	wl: areas   seccomp-lsm threads
 *	wl: flavours host ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "filter.h"

static const long calls[] = { SYS_getcpu, SYS_ptrace, SYS_chroot };

static void check_calls(int own)
{
	for (int i = 0; i < 3; i++) {
		errno = 0;
		/* Without a filter: success, ESRCH or EIO, and EFAULT. */
		long result = syscall(calls[i], i == 1 ? 0x4200 : 0, i == 1 ? -1L : 0, 0, 0);

		wl_check_eq(result < 0 && errno == 1234, i == own);
	}
}

static void set(void *arg)
{
	int own = *(int *)arg;

	wl_try(filter_install(calls[own], SECCOMP_RET_ERRNO | 1234, 0));
	check_calls(own);
}

static void check(void *arg)
{
	check_calls(*(int *)arg);
	wl_check_eq(filter_count(), 1);
}

int main(void)
{
	static int numbers[] = { 0, 1, 2 };

	for (int i = 0; i < 3; i++)
		wl_actor_thread(set, check, &numbers[i]);
	wl_ready_and_wait();
	wl_check_eq(wl_status(getpid(), "Seccomp", 10), 0);
	check_calls(-1);
	wl_actors_finish();
	wl_pass();
}
