/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a thread as the agent's programs and its ways out hold them. */
#ifndef AGENT_REGS_H
#define AGENT_REGS_H

#include <stdint.h>

/* As ptrace's register set NT_PRSTATUS. */
struct agent_regs {
	uint64_t x[31], sp, pc, pstate;
};

/* Of the kernel's signal frame (struct rt_sigframe in arch/arm64/kernel/signal.c), what
 * rt_sigreturn(2) reads: 128 bytes siginfo come before it, and the reserved part of the context
 * ends as soon as a record without magic says so. */
struct agent_sigframe {
	uint64_t flags, link;
	uint64_t stack_at;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
	uint64_t mask;
	uint64_t reserved[15]; /* for longer masks */
	uint64_t align;
	uint64_t fault_address;
	struct agent_regs regs;
	uint64_t align_records;
	struct {
		uint32_t magic, size, fpsr, fpcr;
		uint64_t vregs[64];
	} fpsimd;
	uint64_t end[2];
};

/* What follows the code of the stub (stub.S). */
struct agent_stub_data {
	uint64_t word; /* address of a 32-bit word: while it is 0, the process ends here (0: none) */
	uint64_t stop; /* a signal that the thread sends to its process before it goes on (0: none) */
	uint64_t all; /* a mask of all signals */
	uint64_t align;
	struct agent_sigframe frame;
};

/* Where the way out begins; and where a thread stands with its own registers while its mask is
 * changed. */
#define AGENT_STUB_OUT	4
#define AGENT_STUB_WAIT 4

#endif
