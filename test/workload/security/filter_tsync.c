/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads share one chain of filters. After the restore a new filter with thread-sync must
 * be accepted, which it is only when the other's chain is an ancestor of one's own, not a copy;
 * and it acts in the other thread, by errno 1234.
 *
 *	wl: areas   seccomp-lsm threads
 *	wl: flavours host ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "filter.h"

static void check(void *arg)
{
	(void)arg;
	wl_check_eq(filter_count(), 2);
	wl_check_eq(syscall(SYS_getcpu, 0, 0, 0), -1);
	wl_check_eq(errno, 1234);
}

int main(void)
{
	wl_try(filter_install(SYS_ptrace, SECCOMP_RET_ERRNO | 1, 0));
	wl_actor_thread(NULL, check, NULL);
	wl_ready_and_wait();
	wl_check_eq(filter_count(), 1);
	wl_check_eq(filter_install(SYS_getcpu, SECCOMP_RET_ERRNO | 1234, SECCOMP_FILTER_FLAG_TSYNC),
		    0);
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
