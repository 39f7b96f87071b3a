/* SPDX-License-Identifier: Apache-2.0 */
/* The general registers of a stopped thread: what any code may ask, and the processor's own. */
#ifndef KERNEL_REGS_H
#define KERNEL_REGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/arena.h"
#include "base/err.h"

#if defined(__x86_64__)

struct cpu_regs {
	struct user_regs_struct r;
};

#elif defined(__aarch64__)

/*
 * Where a call waits to be restarted, .r is as at its end, but x0 is the call's first argument
 * still, and .result what the call has answered. A tracer does not see that state: the kernel has
 * stepped back to the call before it stops for one (arch/arm64/kernel/signal.c, do_signal);
 * ptrace_mend_regs() finds it out.
 */
struct cpu_regs {
	struct user_regs_struct r;
	struct user_fpsimd_struct fp;
	uint64_t tls;	/* TPIDR_EL0 */
	int64_t call;	/* the number; negative: none is to be restarted */
	int64_t result; /* -ERESTART… */
};

#else
#error "no registers for this processor"
#endif

/* Where a thread's own data is; a 32-bit program of x86 has it at gs. */
uint64_t regs_thread_pointer(const struct cpu_regs *regs);

/*
 * Vector registers that are longer than those of .fp (SVE), of a length that the thread has
 * chosen, or those of the streaming mode of SME, as ptrace has them. What is in them beyond .fp
 * dies with any system call that the thread makes, so they are put back after the last one that it
 * makes for the tool. x86 has none.
 */
struct cpu_vectors {
	int set;    /* NT_ARM_SVE, NT_ARM_SSVE */
	void *data; /* NULL: none */
	size_t len;
};
int ptrace_get_vectors(pid_t tid, struct arena *a, struct cpu_vectors *ret, struct err *err);
int ptrace_set_vectors(pid_t tid, const struct cpu_vectors *vectors, struct err *err);

/* The call that a thread waits in, as /proc/TID/syscall shows it. */
struct cpu_call {
	int64_t nr; /* negative: it runs, or that is not known */
	uint64_t first, sp, pc;
};

/* Of a 32-bit program. */
bool regs_compat(const struct cpu_regs *regs);
void regs_set_compat(struct cpu_regs *regs, bool compat);
uint64_t regs_ip(const struct cpu_regs *regs);
uint64_t regs_sp(const struct cpu_regs *regs);
void regs_set_ip(struct cpu_regs *regs, uint64_t ip);
/* The result register of a system call. */
int64_t regs_result(const struct cpu_regs *regs);
/* The number of the call in which the thread was stopped; negative: none. */
int64_t regs_syscall(const struct cpu_regs *regs);

/* The call that the thread was in is over, with this result. */
void regs_end_call(struct cpu_regs *regs, int64_t result);

/* Makes the registers enter the native system call nr at ip; no call counts as interrupted. */
void regs_set_syscall(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6]);
/* The same for a 32-bit program, in 64-bit mode; ip is that of an int $0x80. */
void regs_set_syscall32(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6]);
/* Makes the registers call code at ip in 64-bit mode with two arguments. */
void regs_set_call(struct cpu_regs *regs, uint64_t ip, uint64_t arg0, uint64_t arg1);

/*
 * What the kernel does when a thread goes on that was stopped in a system call that is to be
 * restarted (-ERESTART…, arch_do_signal_or_restart): done by hand to registers.
 *	RESTART_LIVE   as the kernel: a call with a restart block becomes restart_syscall
 *	RESTART_ANEW   for another incarnation of the thread, which has no restart block: the
 *		       call is made anew
 * Returns true if there was something to restart.
 */
enum restart_mode { RESTART_LIVE, RESTART_ANEW };
bool regs_restart(struct cpu_regs *regs, enum restart_mode mode);
/*
 * Some calls answer -EINTR to any interruption, also to that by a tracer, though no signal came
 * (signal(7), "Interruption of system calls and library functions by stop signals"). Such an answer
 * is turned into -ERESTARTNOHAND: the kernel makes the call again, unless a handler runs first.
 * Returns true if the registers were changed.
 */
bool regs_mend_interrupted(struct cpu_regs *regs);
/* A call that has a restart block, and answers -EINTR in registers that were saved by another tool:
 * makes them enter it anew, were they two bytes (an instruction) further back. Where the call is
 * restart_syscall(2), that takes the number of the call behind it; if that is not known (0), its
 * end is made of it instead: 0, with nothing to enter. */
bool regs_mend_block(struct cpu_regs *regs, long behind);
/* Is it such an answer of restart_syscall(2)? */
bool regs_block_hidden(const struct cpu_regs *regs);
/* In a call of the x32 kind. */
bool regs_x32(const struct cpu_regs *regs);
/* The registers say that a call waits to be restarted. */
bool regs_restarts(const struct cpu_regs *regs);
/* And that only as long as no handler runs (-ERESTARTNOHAND): pause, sigsuspend, ppoll … */
bool regs_restart_unless_handled(const struct cpu_regs *regs);
/* With a restart block (what is left of its time). */
bool regs_restart_block(const struct cpu_regs *regs);
/* Nothing but the place changes, to one in 64-bit code; an interrupted call stays one, as far as
 * the kernel lets a tracer say so. */
void regs_move(struct cpu_regs *regs, uint64_t ip);

#endif
