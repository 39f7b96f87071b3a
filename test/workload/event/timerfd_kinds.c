/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer descriptors of all kinds: one shot and periodic, expired and not, unset with an interval,
 * absolute, cancelled by a change of the clock; on three clocks. A periodic one whose first expiry
 * is unread goes on firing.
 *
 *	wl: areas    timers epoll-and-event-fds
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU stops periodic timers that are unread
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define PERIOD (300 * 1000000) /* ns */

enum {
	EXPIRED_ONCE,
	UNSET,
	UNSET_PERIODIC,
	FAR,
	FAR_BOOTTIME,
	ABSOLUTE,
	CANCELLED,
	PERIODIC,
	TIMERS
};

static int fds[TIMERS];

static int make(clockid_t clock, int flags, struct itimerspec spec)
{
	int fd = wl_try(timerfd_create(clock, TFD_NONBLOCK));

	if (flags & TFD_TIMER_ABSTIME) {
		int64_t now = wl_now(clock);

		spec.it_value.tv_sec += now / SECOND;
	}
	if (spec.it_value.tv_sec || spec.it_value.tv_nsec || spec.it_interval.tv_sec)
		wl_try(timerfd_settime(fd, flags, &spec, NULL));
	return fd;
}

static char *field(int which, const char *key)
{
	char *path = wl_format("/proc/self/fdinfo/%d", fds[which]), *value = wl_field(path, key);

	free(path);
	return value;
}

static int64_t left(int which)
{
	struct itimerspec now;

	wl_try(timerfd_gettime(fds[which], &now));
	return now.it_value.tv_sec * SECOND + now.it_value.tv_nsec;
}

/* How much of the time left has gone, which can't be more than the time passed. */
static void check_far(int which, int64_t before, int64_t passed)
{
	int64_t after = left(which);

	wl_check(after > 0 && after <= before && before - after <= passed + SECOND / 10);
}

int main(void)
{
	static const char *const keys[] = { "clockid", "settime flags", "it_interval" };
	const size_t n_keys = sizeof(keys) / sizeof(keys[0]);
	char *was[TIMERS][sizeof(keys) / sizeof(keys[0])];
	int64_t before[TIMERS] = { 0 }, began, phase, passed;
	uint64_t ticks, more;

	fds[EXPIRED_ONCE] =
		make(CLOCK_MONOTONIC, 0, (struct itimerspec){ .it_value = { 0, 1000000 } });
	fds[UNSET] = make(CLOCK_REALTIME, 0, (struct itimerspec){ 0 });
	fds[UNSET_PERIODIC] =
		make(CLOCK_MONOTONIC, 0, (struct itimerspec){ .it_interval = { 5, 0 } });
	fds[FAR] = make(CLOCK_REALTIME, 0, (struct itimerspec){ { 7, 8 }, { 1000, 9 } });
	fds[FAR_BOOTTIME] = make(CLOCK_BOOTTIME, 0, (struct itimerspec){ .it_value = { 2000, 0 } });
	fds[ABSOLUTE] = make(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME,
			     (struct itimerspec){ .it_value = { 3000, 0 } });
	fds[CANCELLED] = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			      (struct itimerspec){ .it_value = { 4000, 0 } });
	began = wl_now(CLOCK_MONOTONIC);
	fds[PERIODIC] =
		make(CLOCK_MONOTONIC, 0, (struct itimerspec){ { 0, PERIOD }, { 0, 1000000 } });
	phase = began + 1000000;
	wl_sleep_ms(50);
	for (int i = 0; i < TIMERS; i++)
		for (size_t k = 0; k < n_keys; k++)
			was[i][k] = field(i, keys[k]);
	for (int i = FAR; i <= CANCELLED; i++)
		before[i] = left(i);
	began = wl_now(CLOCK_MONOTONIC);
	wl_ready_and_wait();
	passed = wl_now(CLOCK_MONOTONIC) - began;
	for (int i = 0; i < TIMERS; i++)
		for (size_t k = 0; k < n_keys; k++)
			wl_check_text(keys[k], field(i, keys[k]), was[i][k]);
	for (int i = FAR; i <= CANCELLED; i++) {
		check_far(i, before[i], passed);
		wl_check(read(fds[i], &ticks, sizeof(ticks)) < 0 && errno == EAGAIN);
	}
	for (int i = UNSET; i <= UNSET_PERIODIC; i++) {
		wl_check_eq(left(i), 0);
		wl_check(read(fds[i], &ticks, sizeof(ticks)) < 0 && errno == EAGAIN);
	}
	wl_check_eq(left(EXPIRED_ONCE), 0);
	wl_check_eq(read(fds[EXPIRED_ONCE], &ticks, sizeof(ticks)), sizeof(ticks));
	wl_check_eq(ticks, 1);
	/* The tree stood still for a while, so there are not more ticks than periods, and the next
	 * one comes within one. */
	wl_check_eq(read(fds[PERIODIC], &ticks, sizeof(ticks)), sizeof(ticks));
	wl_check(ticks >= 1 && ticks <= 1 + (uint64_t)((wl_now(CLOCK_MONOTONIC) - phase) / PERIOD));
	wl_check(left(PERIODIC) > 0 && left(PERIODIC) <= PERIOD);
	wl_sleep_ms(PERIOD / 1000000 * 2 + 20);
	wl_check_eq(read(fds[PERIODIC], &more, sizeof(more)), sizeof(more));
	wl_check(more >= 2);
	wl_pass();
}
