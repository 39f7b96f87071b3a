/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc's own rseq registration in leader, thread and child: still there after the restore.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "rseq.h"

static void check(void *arg)
{
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	(void)arg;
	wl_check(__rseq_size > 0);
	wl_check_eq(syscall(SYS_rseq, area, 32, 0, RSEQ_SIG), -1);
	/* EINVAL where the C library has registered a longer one (Linux 6.3 tells how long). */
	wl_check(errno == EBUSY || errno == EINVAL);
	wl_check(area->cpu_id < 65536);
}

int main(void)
{
	wl_actor_thread(NULL, check, NULL);
	wl_actor_fork(NULL, check, NULL);
	check(NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
