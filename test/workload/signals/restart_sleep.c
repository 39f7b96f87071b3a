/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted sleeps: nanosleep, clock_nanosleep relative and absolute on several clocks.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU ends calls with an interrupted answer, and its new time namespace moves absolute ones
 *	wl: idle
 */
#define _GNU_SOURCE
#include "restart.h"

static long relative(clockid_t clock)
{
	struct timespec time = { RESTART_SECONDS, 0 };

	return syscall(SYS_clock_nanosleep, clock, 0, &time, NULL);
}

static long absolute(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_sec += RESTART_SECONDS;
	return syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &time, NULL);
}

static long plain(void)
{
	struct timespec time = { RESTART_SECONDS, 0 }, left = { 0 };

	return syscall(SYS_nanosleep, &time, &left);
}

static long relative_realtime(void)
{
	return relative(CLOCK_REALTIME);
}

static long relative_boottime(void)
{
	return relative(CLOCK_BOOTTIME);
}

static long absolute_realtime(void)
{
	return absolute(CLOCK_REALTIME);
}

static long absolute_monotonic(void)
{
	return absolute(CLOCK_MONOTONIC);
}

static long absolute_tai(void)
{
	return absolute(CLOCK_TAI);
}

static struct restart list[] = {
	RESTART("nanosleep", SYS_nanosleep, plain, 0, true),
	RESTART("clock_nanosleep realtime", SYS_clock_nanosleep, relative_realtime, 0, true),
	RESTART("clock_nanosleep boottime", SYS_clock_nanosleep, relative_boottime, 0, true),
	RESTART("clock_nanosleep to a real time", SYS_clock_nanosleep, absolute_realtime, 0, true),
	RESTART("clock_nanosleep to a monotonic time", SYS_clock_nanosleep, absolute_monotonic, 0,
		true),
	RESTART("clock_nanosleep to a TAI time", SYS_clock_nanosleep, absolute_tai, 0, true),
	{ 0 },
};

int main(void)
{
	restart_begin(list);
	wl_ready_and_wait();
	restart_end(list, wl_now(CLOCK_MONOTONIC));
	wl_pass();
}
