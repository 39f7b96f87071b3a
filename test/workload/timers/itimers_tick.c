/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three interval timers at 100 ms: each ticks on after the restore, at its interval.
 *
 *	wl: areas   timers signals
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/time.h>

static const int kinds[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
static const int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };
static volatile int ticks[3];

static void on_tick(int sig)
{
	for (int i = 0; i < 3; i++)
		ticks[i] += sig == signals[i];
}

int main(void)
{
	struct itimerval value = { { 0, 100000 }, { 0, 100000 } }, now;
	int64_t limit;

	for (int i = 0; i < 3; i++) {
		struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

		wl_try(sigaction(signals[i], &action, NULL));
		wl_try(setitimer(kinds[i], &value, NULL));
	}
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++) {
		wl_try(getitimer(kinds[i], &now));
		wl_check_eq(now.it_interval.tv_sec, 0);
		wl_check_eq(now.it_interval.tv_usec, 100000);
		ticks[i] = 0;
	}
	/* Two of them count processor time only: it has to be used. */
	limit = wl_now(CLOCK_MONOTONIC) + INT64_C(20000000000);
	while (ticks[0] < 3 || ticks[1] < 3 || ticks[2] < 3)
		if (wl_now(CLOCK_MONOTONIC) > limit)
			wl_fail("ticks in 20 s: %d %d %d", ticks[0], ticks[1], ticks[2]);
	wl_pass();
}
