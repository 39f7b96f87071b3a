/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler for SIGTRAP, the signal that tracers use: it is kept, and runs for a signal that
 * the program sends itself and for a breakpoint of its own.
 *
 *	wl: areas   signals
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <unistd.h>

static volatile int runs, last_code;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	runs++;
	last_code = info->si_code;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	wl_try(sigaction(SIGTRAP, &action, NULL));
	wl_ready_and_wait();
	wl_check_eq(runs, 0);
	wl_try(kill(getpid(), SIGTRAP));
	wl_check_eq(runs, 1);
	wl_check_eq(last_code, SI_USER);
	__asm__ volatile("int3");
	wl_check_eq(runs, 2);
	wl_check_eq(last_code, SI_KERNEL);
	wl_pass();
}
