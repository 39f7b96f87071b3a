/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A periodic timer whose signal is blocked: the pending signal stays the only one, and the
 * overruns are counted on (timer_getoverrun, si_overrun), nothing of it lost.
 *
 *	wl: areas   timers signals
 *	wl: limit   overruns gathered while a timer's signal was pending
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "posix.h"

#define INTERVAL INT64_C(10000000)

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct timespec zero = { 0 };
	int64_t began, passed, awake;
	long overrun;
	siginfo_t info;
	sigset_t set;
	int id;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	id = posix_create(CLOCK_MONOTONIC, &event);
	began = wl_now(CLOCK_MONOTONIC);
	posix_set(id, 0, INTERVAL, INTERVAL);
	wl_sleep_ms(300);
	wl_ready();
	awake = wl_now(CLOCK_MONOTONIC) - began;
	wl_wait();
	awake -= wl_now(CLOCK_MONOTONIC);
	wl_sleep_ms(100);
	wl_check_eq(sigtimedwait(&set, &info, &zero), SIGRTMIN);
	passed = wl_now(CLOCK_MONOTONIC) - began;
	awake += wl_now(CLOCK_MONOTONIC);
	wl_check_eq(info.si_code, SI_TIMER);
	wl_check_eq(info.si_timerid, id);
	overrun = syscall(SYS_timer_getoverrun, id);
	wl_check_eq(overrun, info.si_overrun);
	/* At least those of the time that the program was awake before and after. */
	if (overrun < awake / INTERVAL - 5 || overrun > passed / INTERVAL)
		wl_fail("%ld overruns in %lld ns", overrun, (long long)passed);
	/* The signal queue holds no second one; the next comes by itself. */
	wl_sleep_ms(15);
	wl_check_eq(sigtimedwait(&set, &info, &(struct timespec){ 5, 0 }), SIGRTMIN);
	wl_check(info.si_overrun < 50);
	wl_pass();
}
