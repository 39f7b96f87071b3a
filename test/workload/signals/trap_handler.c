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
#include <ucontext.h>
#include <unistd.h>

static volatile int runs, last_code;

#ifdef __aarch64__
#define BREAKPOINT_CODE	   TRAP_BRKPT
#define STEP_OVER(context) ((ucontext_t *)(context))->uc_mcontext.pc += 4
static void breakpoint(void)
{
	__asm__ volatile("brk #0");
}
#else
#define BREAKPOINT_CODE	   SI_KERNEL
#define STEP_OVER(context) ((void)(context))
static void breakpoint(void)
{
	__asm__ volatile("int3");
}
#endif

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	if (info->si_code == BREAKPOINT_CODE)
		STEP_OVER(context);
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
	breakpoint();
	wl_check_eq(runs, 2);
	wl_check_eq(last_code, BREAKPOINT_CODE);
	wl_pass();
}
