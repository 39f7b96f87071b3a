/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A periodic timer of 10 ms that notifies by a helper thread of the library (SIGEV_THREAD),
 * in the host's pid namespace: the helper, the timer's target, must have the same thread id.
 * The interval is unchanged, and further events arrive.
 *
 *	wl: areas   timers threads
 *	wl: flavours host user
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long events;

static void on_event(union sigval value)
{
	wl_check_eq(value.sival_int, 4711);
	__atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
}

static void await_events(unsigned long count)
{
	unsigned long before = events;

	for (int ms = 0; events < before + count; ms += 10) {
		if (ms > 20000)
			wl_fail("only %lu of %lu events", events - before, count);
		wl_sleep_ms(10);
	}
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD,
				  .sigev_notify_function = on_event,
				  .sigev_value.sival_int = 4711 };
	struct itimerspec spec = { { 0, 10000000 }, { 0, 10000000 } }, now;
	timer_t timer;

	wl_try(timer_create(CLOCK_MONOTONIC, &event, &timer));
	wl_try(timer_settime(timer, 0, &spec, NULL));
	await_events(3);
	/* No thread of an event's own comes and goes while the runner looks. */
	spec.it_value.tv_nsec = 500000000;
	wl_try(timer_settime(timer, 0, &spec, NULL));
	while (wl_status(getpid(), "Threads", 10) > 2)
		wl_sleep_ms(1);
	wl_ready_and_wait();
	wl_try(timer_gettime(timer, &now));
	wl_check_eq(now.it_interval.tv_sec, 0);
	wl_check_eq(now.it_interval.tv_nsec, 10000000);
	await_events(10);
	wl_pass();
}
