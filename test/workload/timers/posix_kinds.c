/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX timers of all kinds: notification by signal, to one thread, none; processor-time
 * clocks; disarmed and periodic ones. What timer_gettime and /proc say is the same, each goes
 * on ticking, to the right thread.
 *
 *	wl: areas   timers threads
 *	wl: ignore  status
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "posix.h"

#define MS INT64_C(1000000)

struct timer {
	const char *name;
	clockid_t clock;
	int notify, signal;
	int64_t first, interval;
	bool ticks; /* it is waited for */
	int id;
};

static struct timer timers[] = {
	{ "signal", CLOCK_MONOTONIC, SIGEV_SIGNAL, 40, 50 * MS, 50 * MS, true, -1 },
	{ "thread", CLOCK_REALTIME, SIGEV_THREAD_ID, 41, 30 * MS, 70 * MS, true, -1 },
	{ "none", CLOCK_MONOTONIC, SIGEV_NONE, 0, 3600000 * MS, 5000 * MS, false, -1 },
	{ "disarmed", CLOCK_BOOTTIME, SIGEV_SIGNAL, 42, 0, 0, false, -1 },
	{ "process cpu", CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 43, 20 * MS, 20 * MS, true, -1 },
	{ "thread cpu", CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, 44, 20 * MS, 20 * MS, true, -1 },
	{ "tai", CLOCK_TAI, SIGEV_SIGNAL, 45, 60 * MS, 60 * MS, true, -1 },
	{ "hour", CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 46, 3600000 * MS, 0, false, -1 },
};
#define TIMERS (int)(sizeof(timers) / sizeof(*timers))

static void take(int sig, int sigev_value)
{
	uint64_t set = UINT64_C(1) << (sig - 1);
	int64_t limit = wl_now(CLOCK_MONOTONIC) + 20000 * MS;
	struct timespec zero = { 0 };
	siginfo_t info;

	/* Processor time must be used for some of them: no sleep. */
	while (syscall(SYS_rt_sigtimedwait, &set, &info, &zero, 8) != sig)
		if (wl_now(CLOCK_MONOTONIC) > limit)
			wl_fail("no signal %d of a timer", sig);
	wl_check_eq(info.si_code, SI_TIMER);
	wl_check_eq(info.si_value.sival_int, sigev_value);
}

static pid_t target;

static void block(void *arg)
{
	uint64_t all = ~UINT64_C(0);

	(void)arg;
	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
	target = gettid();
}

/* The tick for this thread comes to it, and nobody else could take it. */
static void receive(void *arg)
{
	(void)arg;
	take(41, 1001);
	take(41, 1001);
}

static void start(int i)
{
	struct timer *it = &timers[i];
	struct sigevent event = { .sigev_notify = it->notify,
				  .sigev_signo = it->signal,
				  .sigev_value.sival_int = 1000 + i };

	if (it->notify == SIGEV_THREAD_ID)
		event.sigev_notify_thread_id = target;
	it->id = posix_create(it->clock, &event);
	posix_set(it->id, 0, it->first, it->interval);
}

int main(void)
{
	int64_t interval, left;
	char *list;

	block(NULL);
	wl_actor_thread(block, receive, NULL);
	for (int i = 0; i < TIMERS; i++)
		start(i);
	list = posix_list();
	wl_ready_and_wait();
	wl_check_text("/proc/self/timers", posix_list(), list);
	for (int i = 0; i < TIMERS; i++) {
		left = posix_left(timers[i].id, &interval);
		wl_check_eq(interval, timers[i].interval);
		wl_check_eq(left > 0, timers[i].first > 0);
		wl_check(left <= timers[i].first + 10 * MS || left <= interval + 10 * MS);
		if (timers[i].first == 3600000 * MS)
			wl_check(left > 3300000 * MS);
	}
	for (int i = 0; i < TIMERS; i++)
		if (timers[i].ticks && timers[i].notify == SIGEV_SIGNAL) {
			take(timers[i].signal, 1000 + i);
			take(timers[i].signal, 1000 + i);
		}
	wl_actors_finish();
	wl_pass();
}
