/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot timers that never end, on three clocks, with holes in their ids from ten deleted
 * ones before each, with different signals and values. The elapsed part agrees with the clock,
 * none has fired, intervals are none, ids and notification as /proc shows them are the same.
 *
 *	wl: areas   timers
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "posix.h"

#define FOREVER (INT64_C(2000000000) * 1000000000)

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

int main(void)
{
	int64_t began[3], before[3], awake[3];
	char *list;
	int ids[3];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < 3; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
					  .sigev_signo = SIGRTMIN + i,
					  .sigev_value.sival_ptr = i ? &ids[i] : NULL };
		int holes[10];

		for (int j = 0; j < 10; j++)
			holes[j] = posix_create(clocks[i], &event);
		ids[i] = posix_create(clocks[i], &event);
		for (int j = 0; j < 10; j++)
			posix_delete(holes[j]);
		posix_set(ids[i], 0, FOREVER, 0);
		began[i] = wl_now(clocks[i]);
		before[i] = posix_left(ids[i], NULL);
	}
	wl_check_eq(ids[1] - ids[0], 11);
	list = posix_list();
	wl_sleep_ms(500);
	for (int i = 0; i < 3; i++)
		awake[i] = wl_now(clocks[i]) - began[i];
	wl_ready_and_wait();
	wl_check_text("/proc/self/timers", posix_list(), list);
	for (int i = 0; i < 3; i++) {
		int64_t interval, left = posix_left(ids[i], &interval);
		int64_t elapsed = before[i] - left, passed = wl_now(clocks[i]) - began[i];

		wl_check_eq(interval, 0);
		/*
		 * Whether the time between dump and restore counts is the tool's choice (CRIU's
		 * images hold what is left): between the time awake and all of it.
		 */
		if (elapsed > passed + passed / 10 || elapsed < awake[i] - awake[i] / 10)
			wl_fail("timer %d: %lld ns elapsed, the clock says %lld", i,
				(long long)elapsed, (long long)passed);
	}
	sigdelset(&all, SIGTERM);
	wl_check_eq(sigtimedwait(&all, NULL, &(struct timespec){ 0, 0 }), -1);
	wl_pass();
}
