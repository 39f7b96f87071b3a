/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers that run off all the time while the dump looks at their processes: each of 1500 one-shot
 * POSIX timers, half a millisecond apart, gives its signal once and no more, and so do interval
 * timers of 40 children, ten milliseconds apart.
 *
 *	wl: areas   timers signals
 *	wl: flavours host user
 *	wl: crossing to
 *	wl: ignore status
 */
#define _GNU_SOURCE
#include "posix.h"

#include <stdlib.h>
#include <sys/time.h>

#define TIMERS	 1500
#define STEP	 INT64_C(500000) /* ns */
#define CHILDREN 40

static volatile sig_atomic_t told[TIMERS], alarms;

static void on_timer(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	told[info->si_value.sival_int]++;
}

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static void wait_for_alarm(int n)
{
	struct itimerval once = { .it_value = { .tv_usec = 10000 * (n + 1) } };

	signal(SIGALRM, on_alarm);
	wl_try(setitimer(ITIMER_REAL, &once, NULL));
	wl_child_wait();
	for (int i = 0; i < 10000 && !alarms; i++)
		wl_sleep_ms(1);
	wl_check_eq(alarms, 1);
	exit(0);
}

static bool all_told(void)
{
	for (int i = 0; i < TIMERS; i++)
		if (!told[i])
			return false;
	return true;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	pid_t children[CHILDREN];
	int64_t start;
	int ids[TIMERS];

	for (int i = 0; i < CHILDREN; i++) {
		children[i] = wl_fork_awaited();
		if (!children[i])
			wait_for_alarm(i);
	}
	sigaction(SIGRTMIN, &action, NULL);
	for (int i = 0; i < TIMERS; i++) {
		event.sigev_value.sival_int = i;
		ids[i] = posix_create(CLOCK_MONOTONIC, &event);
	}
	start = wl_now(CLOCK_MONOTONIC);
	for (int i = 0; i < TIMERS; i++)
		posix_set(ids[i], TIMER_ABSTIME, start + (i + 1) * STEP, 0);
	wl_ready_and_wait();
	for (int i = 0; i < 10000 && !all_told(); i++)
		wl_sleep_ms(1);
	for (int i = 0; i < TIMERS; i++)
		if (told[i] != 1)
			wl_fail("timer %d has told %d times", i, (int)told[i]);
	for (int i = 0; i < CHILDREN; i++)
		wl_finish(children[i]);
	wl_pass();
}
