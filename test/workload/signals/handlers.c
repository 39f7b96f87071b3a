/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers, flags, restorers and masks of all 64 signals, as the raw call sets and shows them;
 * a child has others; and one of them works.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNALS 64
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#define EXPOSE_TAGBITS 0x00000800

/* The kernel's struct sigaction of x86_64. */
struct action {
	uint64_t handler, flags, restorer, mask;
};

static struct action want[SIGNALS + 1];

static bool fixed(int sig)
{
	return sig == SIGKILL || sig == SIGSTOP;
}

static void set(void *arg)
{
	static const uint64_t flags[] = { SA_SIGINFO,	SA_ONSTACK,   SA_RESTART,     SA_NODEFER,
					  SA_RESETHAND, SA_NOCLDSTOP, EXPOSE_TAGBITS, 0 };
	uint64_t seed = (uintptr_t)arg;

	for (int sig = 1; sig <= SIGNALS; sig++) {
		struct action action = {
			/* Never run: any address will do. */
			.handler = sig % 7 == 0	   ? 1
				   : sig % 11 == 0 ? 0
						   : 0x400000 + sig * seed,
			.flags = flags[sig % 8] | flags[sig / 8 % 8] | SA_RESTORER,
			.restorer = 0x500000 + sig * 16,
			.mask = (seed + sig) * 0x9e3779b97f4a7c15u,
		};

		if (fixed(sig))
			continue;
		wl_try(syscall(SYS_rt_sigaction, sig, &action, NULL, 8));
		wl_try(syscall(SYS_rt_sigaction, sig, NULL, &want[sig], 8));
	}
}

static void check(void *arg)
{
	struct action now;

	(void)arg;
	for (int sig = 1; sig <= SIGNALS; sig++) {
		wl_try(syscall(SYS_rt_sigaction, sig, NULL, &now, 8));
		if (memcmp(&now, &want[sig], sizeof(now)))
			wl_fail("signal %d: handler 0x%lx flags 0x%lx restorer 0x%lx mask 0x%lx, "
				"expected 0x%lx 0x%lx 0x%lx 0x%lx",
				sig, now.handler, now.flags, now.restorer, now.mask,
				want[sig].handler, want[sig].flags, want[sig].restorer,
				want[sig].mask);
	}
}

int main(void)
{
	wl_actor_fork(set, check, (void *)3);
	set((void *)5);
	wl_ready_and_wait();
	check(NULL);
	/* The end of children must not run what stands there for SIGCHLD. */
	signal(SIGCHLD, SIG_DFL);
	wl_actors_finish();
	wl_pass();
}
