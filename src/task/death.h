/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the end of tasks that were killed, which may not come: one that is in an
 * uninterruptible wait, or in the refrigerator of a v1 cgroup, ends when that is over. waitpid(2)
 * knows no time limit, so a timer interrupts it.
 */
#ifndef TASK_DEATH_H
#define TASK_DEATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Of one thread of the tool; zeroed before, and after vigil_end(). */
struct vigil {
	bool begun, ticks;
	uint64_t until; /* CLOCK_MONOTONIC, ns */
	timer_t timer;
};

/* seconds: for all deaths together; 0 is no limit. */
void vigil_begin(struct vigil *v, unsigned int seconds);
/* Takes notice of the end of a child, or of a thread that is traced: 1; 0: it is neither;
 * -ETIMEDOUT. */
int vigil_await(struct vigil *v, pid_t tid);
void vigil_end(struct vigil *v);

#endif
