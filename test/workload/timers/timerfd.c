/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer descriptor on the monotonic clock, its first expiry passed and unread, interval of
 * four seconds: clock, flags, interval and value hold, and no tick is lost.
 *
 *	wl: areas   timers epoll-and-event-fds
 *	wl: flavours host user ns userns
 *	wl: idle
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

int main(void)
{
	struct itimerspec spec = { { 4, 0 }, { 0, 1000000 } }, now;
	int fd = wl_try(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	char *info = wl_format("/proc/self/fdinfo/%d", fd), *clock, *flags;
	int64_t began = wl_now(CLOCK_MONOTONIC), passed;
	uint64_t ticks;

	wl_try(timerfd_settime(fd, 0, &spec, NULL));
	wl_sleep_ms(50);
	clock = wl_field(info, "clockid");
	flags = wl_field(info, "settime flags");
	wl_check_text("ticks", wl_field(info, "ticks"), "1");
	wl_ready_and_wait();
	wl_check_text("clock", wl_field(info, "clockid"), clock);
	wl_check_text("flags", wl_field(info, "settime flags"), flags);
	wl_try(timerfd_gettime(fd, &now));
	wl_check_eq(now.it_interval.tv_sec, 4);
	wl_check_eq(now.it_interval.tv_nsec, 0);
	wl_check(now.it_value.tv_sec < 4 && (now.it_value.tv_sec || now.it_value.tv_nsec));
	wl_check_eq(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	passed = wl_now(CLOCK_MONOTONIC) - began;
	wl_check(ticks >= 1 && ticks <= 1 + (uint64_t)(passed / (4 * SECOND)));
	/* It goes on firing. */
	for (int ms = 0; read(fd, &ticks, sizeof(ticks)) < 0; ms += 20) {
		wl_check_eq(errno, EAGAIN);
		wl_check(ms < 6000);
		wl_sleep_ms(20);
	}
	wl_pass();
}
