/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that may not read the time-stamp counter (PR_SET_TSC): the attribute reads back, and
 * RDTSC raises SIGSEGV as before. Such a task can't call the vDSO's clock either, so that the
 * tool must not do it in its place.
 *
 *	wl: areas   task arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64 tsc-fault
 *	wl: crossing none CRIU keeps no PR_SET_TSC
 */
#define _GNU_SOURCE
#include "workload.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <x86intrin.h>

static sigjmp_buf back;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void set(void *arg)
{
	(void)arg;
	signal(SIGSEGV, on_fault);
	wl_try(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
}

static void check(void *arg)
{
	int value;

	(void)arg;
	wl_try(prctl(PR_GET_TSC, &value, 0, 0, 0));
	wl_check_eq(value, PR_TSC_SIGSEGV);
	if (sigsetjmp(back, 1) == 0) {
		__rdtsc();
		wl_fail("the counter can be read");
	}
}

int main(void)
{
	wl_actor_fork(set, check, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
