/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O priorities: real-time, best effort, idle, with their levels, of children and threads.
 *
 *	wl: areas   task
 *	wl: flavours host ns
 *	wl: crossing none CRIU keeps no I/O priority
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void set(void *arg)
{
	wl_try(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, *(int *)arg));
}

static void check(void *arg)
{
	wl_check_eq(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), *(int *)arg);
}

int main(void)
{
	/* A function in some versions of the header, so no constant. */
	int values[] = {
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 3),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 0),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7),
	};

	for (int i = 0; i < 3; i++) {
		wl_actor_fork(set, check, &values[i]);
		wl_actor_thread(set, check, &values[i]);
	}
	set(&values[3]);
	wl_ready_and_wait();
	check(&values[3]);
	wl_actors_finish();
	wl_pass();
}
