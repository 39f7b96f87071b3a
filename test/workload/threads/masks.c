/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with thread-local data and a signal mask of their own each.
 *
 *	wl: areas   threads signals
 *	wl: flavours host user ns userns unpriv
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread uint64_t own;

static void set(void *arg)
{
	uint64_t mask = *(uint64_t *)arg;

	/* The raw call: glibc would take its own signals out. */
	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8));
	own = ~mask;
}

static void check(void *arg)
{
	uint64_t mask = *(uint64_t *)arg, now;

	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8));
	wl_check_eq(now, mask);
	wl_check_eq(own, ~mask);
	wl_check_eq(wl_status(gettid(), "SigBlk", 16), mask);
}

#define BIT(sig) (1UL << ((sig)-1))

int main(void)
{
	static uint64_t masks[] = {
		BIT(SIGTERM) | BIT(SIGFPE),
		BIT(SIGTERM) | BIT(SIGWINCH) | BIT(SIGALRM),
		/* All but SIGKILL and SIGSTOP. */
		~(BIT(SIGKILL) | BIT(SIGSTOP)),
		BIT(SIGTERM) | BIT(32) | BIT(33) | BIT(64),
		BIT(SIGTERM) | BIT(SIGUSR1),
	};

	for (int i = 0; i < 4; i++) {
		wl_actor_thread(set, check, &masks[i]);
		wl_actor_fork(set, check, &masks[i]);
	}
	set(&masks[4]);
	wl_ready_and_wait();
	check(&masks[4]);
	wl_actors_finish();
	wl_pass();
}
