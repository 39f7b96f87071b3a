/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: a watchpoint of the processor that a debugger has left in a process: a write to the
 * place still stops it, with SIGTRAP.
 *
 *	wl: areas   arch signals
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64
 *	wl: cycles  2
 *	wl: crossing none CRIU keeps none
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define WATCHPOINTS	0x403 /* NT_ARM_HW_WATCH */
#define WRITES_OF_WORDS (0xff << 5 | 2 << 3 | 2 << 1 | 1)

static struct {
	uint64_t info;
	struct {
		uint64_t addr;
		uint32_t control, pad;
	} point[2];
} watch;

static uint64_t words[2];
static volatile int traps;
static void *volatile where;

/* It comes before the write, which would be tried again for ever. */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	((ucontext_t *)context)->uc_mcontext.pc += 4;
	where = info->si_addr;
	traps += info->si_code == TRAP_HWBKPT;
}

static void try(uint64_t *word, int want)
{
	traps = 0;
	__asm__ volatile("str %0, [%1]" ::"r"(5ul), "r"(word) : "memory");
	wl_check_eq(traps, want);
	if (want)
		wl_check(where == word);
}

static void child(void)
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	wl_try(sigaction(SIGTRAP, &act, NULL));
	wl_child_wait();
	try(&words[1], 1);
	try(&words[0], 0);
	_exit(0);
}

int main(void)
{
	struct iovec iov = { &watch, sizeof(watch) };
	pid_t pid = wl_fork_awaited();
	int status;

	if (!pid)
		child();
	wl_try(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	wl_try(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
	wl_check_eq(waitpid(pid, &status, 0), pid);
	watch.point[1].addr = (uintptr_t)&words[1];
	watch.point[1].control = WRITES_OF_WORDS;
	wl_try(ptrace(PTRACE_SETREGSET, pid, WATCHPOINTS, &iov));
	wl_try(ptrace(PTRACE_DETACH, pid, NULL, NULL));
	wl_ready_and_wait();
	wl_finish(pid);
	wl_pass();
}
