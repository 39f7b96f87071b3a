/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop that reads the clocks every millisecond all through must never see one step back.
 *
 *	wl: areas   timers
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/syscall.h>
#include <unistd.h>

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW,
				    CLOCK_MONOTONIC_COARSE };
static int64_t last[4];

static void look(void)
{
	for (int i = 0; i < 4; i++) {
		struct timespec ts;
		int64_t now = wl_now(clocks[i]), kernel;

		if (now < last[i])
			wl_fail("clock %d went back by %lld ns", clocks[i],
				(long long)(last[i] - now));
		last[i] = now;
		/* The system call itself, beside the vDSO. */
		wl_try(syscall(SYS_clock_gettime, clocks[i], &ts));
		kernel = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
		if (kernel < now)
			wl_fail("vDSO and kernel differ on clock %d", clocks[i]);
	}
}

int main(void)
{
	look();
	wl_ready();
	while (!wl_should_stop()) {
		look();
		wl_sleep_ms(1);
	}
	look();
	wl_pass();
}
