/* SPDX-License-Identifier: Apache-2.0 */
/* sched_getattr(2) and sched_setattr(2), which glibc 2.36 does not have. */
#ifndef WORKLOAD_TASK_ATTR_H
#define WORKLOAD_TASK_ATTR_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define ATTR_RESET_ON_FORK 0x01
#define ATTR_DL_OVERRUN	   0x04

/* struct sched_attr as of Linux 5.3. */
struct attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static inline void attr_set(const struct attr *attr)
{
	struct attr copy = *attr;

	/* The size of the first version: no utilisation clamps are given. */
	copy.size = 48;
	wl_try(syscall(SYS_sched_setattr, 0, &copy, 0));
}

static inline void attr_check(const struct attr *want)
{
	struct attr now = { 0 };

	wl_try(syscall(SYS_sched_getattr, 0, &now, sizeof(now), 0));
	wl_check_eq(now.policy, want->policy);
	wl_check_eq(now.flags, want->flags);
	wl_check_eq(now.priority, want->priority);
	wl_check_eq(now.nice, want->nice);
	/* Fair policies show their slice in runtime since Linux 6.12. */
	if (want->policy == SCHED_DEADLINE || want->runtime)
		wl_check_eq(now.runtime, want->runtime);
	wl_check_eq(now.deadline, want->deadline);
	wl_check_eq(now.period, want->period);
}

#endif
