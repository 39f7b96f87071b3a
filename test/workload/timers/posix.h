/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX timers by raw system calls: the kernel's own ids and its own notification. */
#ifndef WORKLOAD_TIMERS_POSIX_H
#define WORKLOAD_TIMERS_POSIX_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "workload.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static inline int posix_create(clockid_t clock, const struct sigevent *event)
{
	struct sigevent copy = *event;
	int id = -1;

	wl_try(syscall(SYS_timer_create, clock, &copy, &id));
	return id;
}

static inline void posix_delete(int id)
{
	wl_try(syscall(SYS_timer_delete, id));
}

static inline void posix_set(int id, int flags, int64_t first, int64_t interval)
{
	struct itimerspec spec = {
		.it_value = { first / 1000000000, first % 1000000000 },
		.it_interval = { interval / 1000000000, interval % 1000000000 },
	};

	wl_try(syscall(SYS_timer_settime, id, flags, &spec, NULL));
}

static inline int64_t posix_left(int id, int64_t *ret_interval)
{
	struct itimerspec spec;

	wl_try(syscall(SYS_timer_gettime, id, &spec));
	if (ret_interval)
		*ret_interval =
			spec.it_interval.tv_sec * INT64_C(1000000000) + spec.it_interval.tv_nsec;
	return spec.it_value.tv_sec * INT64_C(1000000000) + spec.it_value.tv_nsec;
}

/* The text of /proc/self/timers: ids, signals, values, notification, clocks. */
static inline char *posix_list(void)
{
	return wl_read_file("/proc/self/timers");
}

#endif
