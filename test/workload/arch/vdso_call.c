/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls through the vDSO work after the restore: time of day, clocks, processor number; and
 * agree with the system calls.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static void check(void *arg)
{
	struct timeval fast, slow;
	unsigned int cpu;

	(void)arg;
	wl_check(getauxval(AT_SYSINFO_EHDR) != 0);
	for (int i = 0; i < 1000; i++) {
		wl_try(gettimeofday(&fast, NULL));
		wl_try(syscall(SYS_gettimeofday, &slow, NULL));
		wl_check(labs(slow.tv_sec - fast.tv_sec) <= 2);
		wl_check(time(NULL) >= fast.tv_sec - 1);
	}
	wl_try(getcpu(&cpu, NULL));
	wl_check(cpu < CPU_SETSIZE);
}

int main(void)
{
	check(NULL);
	wl_actor_thread(NULL, check, NULL);
	wl_actor_fork(NULL, check, NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
