/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that sit in blocking system calls over the dump. The calls are raw ones, so that
 * nobody hides an EINTR: a program that got no signal must not see one, and a timeout must
 * not end before its time, nor much later than if it had begun anew at the restore.
 */
#ifndef WORKLOAD_SIGNALS_RESTART_H
#define WORKLOAD_SIGNALS_RESTART_H

#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

/* Longer than a dump and a restore take on a busy machine. */
#ifndef RESTART_SECONDS
#define RESTART_SECONDS 4
#endif
#define RESTART_SLACK_NS INT64_C(3000000000)
#define RESTART_MAX	 16

struct restart {
	const char *name;
	long nr; /* the system call it must be found in */
	long (*call)(void);
	long want;  /* its result; -errno for a failure */
	bool timed; /* it ends by itself after RESTART_SECONDS */
	bool young; /* kernels that we run on may lack it: then it is left out */
	pid_t tid;
	pthread_t thread;
	int64_t began, ended;
	long got;
};

/* One line of a list, which ends with an empty one. */
#define RESTART(a_name, a_nr, a_call, a_want, a_timed)                                             \
	{                                                                                          \
		.name = a_name, .nr = a_nr, .call = a_call, .want = a_want, .timed = a_timed       \
	}

static void *restart_live(void *arg)
{
	struct restart *it = arg;

	it->began = wl_now(CLOCK_MONOTONIC);
	__atomic_store_n(&it->tid, gettid(), __ATOMIC_SEQ_CST);
	it->got = it->call();
	if (it->got == -1)
		it->got = -errno;
	it->ended = wl_now(CLOCK_MONOTONIC);
	return NULL;
}

static inline bool restart_missing(const struct restart *it)
{
	return it->young && syscall(it->nr, -1, -1, -1, -1, -1, -1) < 0 && errno == ENOSYS;
}

static inline void restart_leave_out_missing(struct restart *list)
{
	struct restart *to = list;

	for (struct restart *it = list; it->name; it++)
		if (!restart_missing(it))
			*to++ = *it;
	to->name = NULL;
}

static inline void restart_begin(struct restart *list)
{
	restart_leave_out_missing(list);
	for (struct restart *it = list; it->name; it++) {
		wl_check_eq(pthread_create(&it->thread, NULL, restart_live, it), 0);
		while (!__atomic_load_n(&it->tid, __ATOMIC_SEQ_CST))
			wl_sleep_ms(1);
		wl_await_call(it->tid, it->nr);
	}
}

/* stop_at: when the restore was over, on the monotonic clock. */
static inline void restart_end(struct restart *list, int64_t stop_at)
{
	for (struct restart *it = list; it->name; it++) {
		int64_t length = RESTART_SECONDS * INT64_C(1000000000);

		wl_check_eq(pthread_join(it->thread, NULL), 0);
		if (it->got != it->want)
			wl_fail("%s gave %ld (%s), expected %ld", it->name, it->got,
				it->got < 0 ? strerror(-it->got) : "", it->want);
		if (!it->timed)
			continue;
		/* A millisecond for clocks that tick coarsely. */
		if (it->ended - it->began < length - 1000000)
			wl_fail("%s ended %lld ns early", it->name,
				(long long)(length - (it->ended - it->began)));
		if (it->ended > stop_at + length + RESTART_SLACK_NS)
			wl_fail("%s ended %lld ns after the restore", it->name,
				(long long)(it->ended - stop_at));
	}
}

/*
 * A call that nothing ended may not have returned yet. (Which call it sits in is not asked: a
 * restarted one may be restart_syscall.)
 */
static inline void restart_still(struct restart *list)
{
	for (struct restart *it = list; it->name; it++) {
		if (__atomic_load_n(&it->ended, __ATOMIC_SEQ_CST))
			wl_fail("%s has ended already, with %ld (%s)", it->name, it->got,
				it->got < 0 ? strerror(-it->got) : "");
		wl_await_state(it->tid, "S");
	}
}

#endif
