/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted futex waits: with and without a timeout, relative and absolute, by bit set, on a
 * vector, for a priority-inheriting lock, and for being moved to such a lock.
 *
 *	wl: areas   signals threads
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU ends calls with an interrupted answer, and its new time namespace moves absolute ones
 *	wl: idle
 */
#define _GNU_SOURCE
#include "restart.h"

#include <linux/futex.h>

static uint32_t word, other, pi, condition, requeued;

static long wait_forever(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static long wait_relative(void)
{
	struct timespec time = { RESTART_SECONDS, 0 };

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
}

static long wait_absolute(int flags, clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_sec += RESTART_SECONDS;
	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | flags, 0, &time, NULL, 4);
}

static long wait_monotonic(void)
{
	return wait_absolute(0, CLOCK_MONOTONIC);
}

static long wait_realtime(void)
{
	return wait_absolute(FUTEX_CLOCK_REALTIME, CLOCK_REALTIME);
}

static long wait_vector_until(const struct timespec *until, clockid_t clock)
{
	struct futex_waitv vector[2] = {
		{ .uaddr = (uintptr_t)&word, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		{ .uaddr = (uintptr_t)&other, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};
	long which = syscall(SYS_futex_waitv, vector, 2, 0, until, clock);

	return which < 0 ? which : 0;
}

static long wait_vector(void)
{
	return wait_vector_until(NULL, 0);
}

static long wait_vector_limited(clockid_t clock)
{
	struct timespec until;

	clock_gettime(clock, &until);
	until.tv_sec += RESTART_SECONDS;
	return wait_vector_until(&until, clock);
}

static long wait_vector_monotonic(void)
{
	return wait_vector_limited(CLOCK_MONOTONIC);
}

static long wait_vector_realtime(void)
{
	return wait_vector_limited(CLOCK_REALTIME);
}

/* Returns when it has been moved, and has got the lock. */
static long wait_requeue_pi(void)
{
	long result = syscall(SYS_futex, &condition, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL,
			      &requeued, 0);

	if (result == 0)
		wl_check_eq(requeued & FUTEX_TID_MASK, gettid());
	return result;
}

static long lock_pi(void)
{
	long result = syscall(SYS_futex, &pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);

	if (result == 0)
		wl_check_eq(pi & FUTEX_TID_MASK, gettid());
	return result;
}

/* Linux 5.16 brings it. */
#define VECTOR(a_name, a_call, a_want, a_timed)                                                    \
	{                                                                                          \
		.name = a_name, .nr = SYS_futex_waitv, .call = a_call, .want = a_want,             \
		.timed = a_timed, .young = true                                                    \
	}

static struct restart list[] = {
	RESTART("FUTEX_WAIT", SYS_futex, wait_forever, 0, false),
	VECTOR("futex_waitv", wait_vector, 0, false),
	RESTART("FUTEX_LOCK_PI", SYS_futex, lock_pi, 0, false),
	RESTART("FUTEX_WAIT_REQUEUE_PI", SYS_futex, wait_requeue_pi, 0, false),
	{ 0 },
};

static struct restart limited[] = {
	RESTART("FUTEX_WAIT with a limit", SYS_futex, wait_relative, -ETIMEDOUT, true),
	RESTART("FUTEX_WAIT_BITSET monotonic", SYS_futex, wait_monotonic, -ETIMEDOUT, true),
	RESTART("FUTEX_WAIT_BITSET realtime", SYS_futex, wait_realtime, -ETIMEDOUT, true),
	VECTOR("futex_waitv monotonic", wait_vector_monotonic, -ETIMEDOUT, true),
	VECTOR("futex_waitv realtime", wait_vector_realtime, -ETIMEDOUT, true),
	{ 0 },
};

int main(void)
{
	pi = gettid();
	restart_begin(list);
	restart_begin(limited);
	wl_ready_and_wait();
	int64_t now = wl_now(CLOCK_MONOTONIC);

	restart_still(list);
	restart_end(limited, now);
	wl_check(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0) >=
		 (list[3].name ? 2 : 1));
	wl_try(syscall(SYS_futex, &pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	wl_check_eq(syscall(SYS_futex, &condition, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 0, &requeued,
			    0),
		    1);
	restart_end(list, now);
	wl_pass();
}
