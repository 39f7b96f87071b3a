/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps whose program asked for what is left of their time (rmtp): they end when that has passed,
 * and do not begin anew; nothing of the program's own memory or registers has changed.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user unpriv ns userns
 *	wl: cycles  2
 *	wl: crossing none CRIU ends such calls with an interrupted answer, and makes ours anew
 *	wl: idle
 */
#define _GNU_SOURCE
/* What is left must be enough for two cycles, also of a processor that is emulated. */
#ifdef __aarch64__
#define RESTART_SECONDS 24
#define LEFT_MS		10000
#else
#define LEFT_MS 1000
#endif
#include "restart.h"

#define PASSED_MS (RESTART_SECONDS * 1000 - LEFT_MS)
/* One that calls keep, and that the system call itself does not take its arguments from. */
#ifdef __aarch64__
#define KEPT "x19"
#else
#define KEPT "r12"
#endif

static long sleep_on(long nr, clockid_t clock, int *ret_changed)
{
	const struct timespec whole = { RESTART_SECONDS, 0 };
	struct timespec time = whole, left = { -1, -1 };
	register const void *asked __asm__(KEPT) = &time;
	long ret;

	if (nr == SYS_nanosleep)
		ret = syscall(nr, asked, &left);
	else
		ret = syscall(nr, clock, 0, asked, &left);
	*ret_changed = asked != &time || time.tv_sec != whole.tv_sec || time.tv_nsec;
	return ret;
}

static int changed[3];

static long plain(void)
{
	return sleep_on(SYS_nanosleep, 0, &changed[0]);
}

static long boottime(void)
{
	return sleep_on(SYS_clock_nanosleep, CLOCK_BOOTTIME, &changed[1]);
}

static long realtime(void)
{
	return sleep_on(SYS_clock_nanosleep, CLOCK_REALTIME, &changed[2]);
}

static struct restart list[] = {
	RESTART("nanosleep", SYS_nanosleep, plain, 0, true),
	RESTART("clock_nanosleep boottime", SYS_clock_nanosleep, boottime, 0, true),
	RESTART("clock_nanosleep realtime", SYS_clock_nanosleep, realtime, 0, true),
	{ 0 },
};

int main(void)
{
	int64_t restored;

	restart_begin(list);
	wl_sleep_ms(PASSED_MS);
	wl_ready_and_wait();
	restored = wl_now(CLOCK_MONOTONIC);
	restart_end(list, restored);
	for (int i = 0; i < 3; i++) {
		wl_check_eq(changed[i], 0);
		if (list[i].ended > restored + (LEFT_MS + 1500) * INT64_C(1000000))
			wl_fail("%s went on for %lld ms after the restore", list[i].name,
				(long long)(list[i].ended - restored) / 1000000);
	}
	wl_pass();
}
