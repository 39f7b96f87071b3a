/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a thread as the agent's programs and its ways out hold them. */
#ifndef AGENT_REGS_H
#define AGENT_REGS_H

#include <stdint.h>

/* The registers with which a thread goes on, in the order that the stub knows. */
struct agent_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* What follows the code of the stub (stub.S). */
struct agent_stub_data {
	struct agent_regs regs;
	uint64_t mask;
	uint64_t jump; /* where the thread goes on: its own place, or, for 32-bit code, the far jump
			*/
	uint32_t far_ip; /* to here */
	uint32_t far_cs;
	uint32_t over_ip; /* the same for a thread whose call is over */
	uint32_t over_cs;
	uint64_t result; /* what that call gives */
	uint64_t result_jump;
	uint64_t no_time[2];
	uint64_t probe; /* 1: the call is over if a handler has run */
	uint64_t word; /* address of a 32-bit word: while it is 0, the process ends here (0: none) */
	uint64_t stop; /* a signal that the thread sends to its process before it goes on (0: none) */
};

/* Where the way out begins, and the far jump. */
#define AGENT_STUB_OUT	    2
#define AGENT_STUB_FAR	    4
#define AGENT_STUB_FAR_OVER 10
/* Where a thread stands with its own registers while its mask is changed. */
#define AGENT_STUB_WAIT 18

#endif
