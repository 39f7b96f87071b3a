/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restartable-sequence areas registered by hand in leader, thread and child, with a signature
 * of one's own: a second identical registration must fail with EBUSY, one with another
 * signature with EPERM, and the area must be kept up to date.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "rseq.h"

#include <sched.h>

static __thread struct rseq area __attribute__((aligned(32)));

static void set(void *arg)
{
	(void)arg;
	rseq_register(&area);
}

static void check(void *arg)
{
	(void)arg;
	rseq_check_registered(&area);
	wl_check_eq(syscall(SYS_rseq, &area, sizeof(area), 0, RSEQ_MY_SIG + 1), -1);
	wl_check_eq(errno, EPERM);
	for (int i = 0; i < 1000; i++) {
		uint32_t before = __atomic_load_n(&area.cpu_id, __ATOMIC_SEQ_CST);
		uint32_t cpu = sched_getcpu();
		uint32_t after = __atomic_load_n(&area.cpu_id, __ATOMIC_SEQ_CST);

		if (before == after)
			wl_check_eq(cpu, after);
	}
	wl_try(syscall(SYS_rseq, &area, sizeof(area), RSEQ_FLAG_UNREGISTER, RSEQ_MY_SIG));
}

int main(int argc, char **argv)
{
	(void)argc;
	rseq_without_libc(argv);
	wl_actor_thread(set, check, NULL);
	wl_actor_fork(set, check, NULL);
	set(NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
