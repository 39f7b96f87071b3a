/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with a time limit that have been interrupted before the dump, by a stop and by a tracer:
 * they sit in restart_syscall(2), and nothing but the kernel's own memory says which call that was.
 */
#ifndef WORKLOAD_SIGNALS_RESTART_AGAIN_H
#define WORKLOAD_SIGNALS_RESTART_AGAIN_H

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "restart.h"

static int again_pipe[2];
static uint32_t words[4];

static const struct timespec whole = { RESTART_SECONDS, 0 };

static long again_nanosleep(void)
{
	return syscall(SYS_nanosleep, &whole, NULL);
}

static long again_nanosleep_left(void)
{
	struct timespec left;

	return syscall(SYS_nanosleep, &whole, &left);
}

static long again_clock(void)
{
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &whole, NULL);
}

static long again_clock_left(void)
{
	struct timespec left;

	return syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &whole, &left);
}

/* As the C library does it, with its own code around the call. */
static long again_library(void)
{
	struct timespec time = whole;

	return nanosleep(&time, &time);
}

#ifdef SYS_poll /* newer processors' tables have but ppoll, which never gets here */
static long again_poll(void)
{
	struct pollfd pollfd = { .fd = again_pipe[0], .events = POLLIN };

	return syscall(SYS_poll, &pollfd, 1, RESTART_SECONDS * 1000);
}

static long again_poll_none(void)
{
	return syscall(SYS_poll, NULL, 0, RESTART_SECONDS * 1000);
}

static long again_poll_library(void)
{
	struct pollfd pollfd[2] = {
		{ .fd = again_pipe[0], .events = POLLIN },
		{ .fd = -1 },
	};

	return poll(pollfd, 2, RESTART_SECONDS * 1000);
}
#endif

static long again_futex(void)
{
	return syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, &whole, NULL, 0);
}

static long again_futex_shared(void)
{
	return syscall(SYS_futex, &words[1], FUTEX_WAIT, 0, &whole, NULL, 0);
}

static long again_futex_until(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RESTART_SECONDS;
	return syscall(SYS_futex, &words[2], FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, ~0);
}

static struct restart again[] = {
	RESTART("nanosleep", SYS_nanosleep, again_nanosleep, 0, true),
	RESTART("nanosleep with a place for the rest", SYS_nanosleep, again_nanosleep_left, 0,
		true),
	RESTART("clock_nanosleep", SYS_clock_nanosleep, again_clock, 0, true),
	RESTART("clock_nanosleep with a place for the rest", SYS_clock_nanosleep, again_clock_left,
		0, true),
#ifdef SYS_poll
	RESTART("poll", SYS_poll, again_poll, 0, true),
	RESTART("poll of nothing", SYS_poll, again_poll_none, 0, true),
	RESTART("poll of the C library", SYS_poll, again_poll_library, 0, true),
#endif
	RESTART("futex", SYS_futex, again_futex, -ETIMEDOUT, true),
	RESTART("shared futex", SYS_futex, again_futex_shared, -ETIMEDOUT, true),
	RESTART("futex until a time", SYS_futex, again_futex_until, -ETIMEDOUT, true),
	{ 0 },
};

/* Each thread is stopped as a tracer does it, and let go again. */
static inline void again_trace(pid_t tid)
{
	int status;

	wl_try(ptrace(PTRACE_SEIZE, tid, 0, 0));
	wl_try(ptrace(PTRACE_INTERRUPT, tid, 0, 0));
	wl_check_eq(waitpid(tid, &status, __WALL), tid);
	wl_check(WIFSTOPPED(status));
	wl_try(ptrace(PTRACE_DETACH, tid, 0, 0));
}

static inline void again_disturb(struct restart *list)
{
	pid_t parent = getpid(), child = wl_fork();

	if (!child) {
		for (int turn = 0; turn < 2; turn++) {
			wl_try(kill(parent, SIGSTOP));
			wl_await_state(list->tid, "T");
			wl_try(kill(parent, SIGCONT));
			wl_sleep_ms(20);
			for (struct restart *it = list; it->name; it++)
				again_trace(it->tid);
			wl_sleep_ms(20);
		}
		_exit(0);
	}
	prctl(PR_SET_PTRACER, child, 0, 0, 0);
	wl_reap(child);
	for (struct restart *it = list; it->name; it++)
		wl_await_call(it->tid, AGAIN_CALL);
}

#endif
