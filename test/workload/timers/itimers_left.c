/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three interval timers, one-shot of an hour: what is left afterwards is within 300 s of
 * that and not above, the interval is none. A child has other ones, with intervals.
 *
 *	wl: areas   timers
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 *	wl: crossing from
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/time.h>

static const int kinds[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

static void set(void *arg)
{
	for (int i = 0; i < 3; i++) {
		struct itimerval value = { .it_value = { 3600, 0 } };

		if (arg)
			value.it_interval = (struct timeval){ 100 + i, 250000 + i };
		wl_try(setitimer(kinds[i], &value, NULL));
	}
}

static void check(void *arg)
{
	for (int i = 0; i < 3; i++) {
		struct itimerval value;
		struct timespec tick;

		wl_try(getitimer(kinds[i], &value));
		wl_check(value.it_value.tv_sec >= 3300);
		/* The setting above has added a tick to the two processor-time timers; a restore
		 * must not (CRIU's does). */
		wl_try(clock_getres(CLOCK_MONOTONIC_COARSE, &tick));
		if (value.it_value.tv_sec > 3600 ||
		    (value.it_value.tv_sec == 3600 && value.it_value.tv_usec > tick.tv_nsec / 1000))
			wl_fail("timer %d: %ld.%06ld s are left of 3600", i, value.it_value.tv_sec,
				value.it_value.tv_usec);
		wl_check_eq(value.it_interval.tv_sec, arg ? 100 + i : 0);
		wl_check_eq(value.it_interval.tv_usec, arg ? 250000 + i : 0);
	}
}

int main(void)
{
	wl_actor_fork(set, check, (void *)1);
	set(NULL);
	wl_ready_and_wait();
	check(NULL);
	wl_actors_finish();
	wl_pass();
}
