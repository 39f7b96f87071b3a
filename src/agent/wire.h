/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of the agent, shared by the tool and by the blob that runs inside a process.
 *
 * An *area* is one mapping in the process: the blob's code first, then data. All of the data is
 * position independent: what refers to the area does so by offset from its start. In the area
 * lie one or more *programs*, one a thread. A program is a header and a flat array of calls.
 * The agent runs the calls in order, stores each result, and stops at the first one whose result
 * is not what the call demands.
 */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <stdint.h>

#if defined(__x86_64__)
#include "agent/arch/x86_64/regs.h"
#elif defined(__aarch64__)
#include "agent/arch/aarch64/regs.h"
#else
#error "no agent for this processor"
#endif

/* What an argument is; four bits each in agent_call.kinds, argument 0 lowest. */
enum agent_arg {
	AGENT_IMM = 0,	  /* the value itself */
	AGENT_AREA = 1,	  /* offset in the area: becomes a pointer */
	AGENT_RESULT = 2, /* index of an earlier call of this program: becomes its result */
	AGENT_TABLE = 3,  /* of AGENT_AGAIN only: offset of an array of 64-bit words in the area, of
			   * which the argument is the next one each time, in place of raised */
};

enum agent_op {
	AGENT_SYSCALL,	 /* system call nr with up to six arguments */
	AGENT_SYSCALL32, /* x86: the same by the 32-bit entry (int 0x80) */
	AGENT_THREAD, /* clone3 of arg0 (struct clone_args without a stack, arg1 its size); the new
		       * thread runs the program at area offset arg2 (the assembler is given the
		       * program's number) */
	AGENT_POST,   /* add 1 to the 32-bit counter at arg0; wake its waiters when it has reached
		       * arg1, which spares them being woken for each of many (0: each time) */
	AGENT_WAIT,   /* wait until the 32-bit counter at arg0 is at least arg1 */
	AGENT_STORE,  /* write the low arg2 (1, 2, 4 or 8) bytes of arg1 to address arg0 */
	AGENT_LOAD,   /* result: arg1 (1, 2, 4 or 8) bytes from address arg0 */
	AGENT_ARCH,   /* arg0 says which: state that only an instruction can read or set */
	AGENT_AGAIN,  /* the call before nr times more, with its arguments raised by arg0 … arg5
		       * each time; .demand is of each, .result the last one's */
	AGENT_OP_COUNT
};

enum agent_arch_op {
	AGENT_ARCH_RDPKRU,
	AGENT_ARCH_WRPKRU, /* arg1 */
	AGENT_ARCH_TILES,  /* have the kernel make room for the thread's AMX tiles */
};

/* What a call's result must be; anything else ends the program as failed. */
enum agent_demand {
	AGENT_ANY = 0,	 /* any result */
	AGENT_OK = 1,	 /* not an error (-4095 … -1) */
	AGENT_EQUAL = 2, /* equal to .want */
};

struct agent_call {
	uint16_t op;	 /* enum agent_op */
	uint16_t demand; /* enum agent_demand */
	int32_t nr;	 /* system call number; of AGENT_AGAIN, how often */
	uint32_t kinds;	 /* enum agent_arg, four bits an argument */
	uint32_t note;	 /* offset of a string in the area: what the call is about (0: nothing) */
	int64_t want;	 /* for AGENT_EQUAL */
	int64_t result;	 /* written by the agent */
	uint64_t arg[6];
};

enum agent_end {
	/* Stop by sending oneself the signal .stop_signo, which a tracer takes away; if nobody
	 * does, the tool is gone: leave by .exit, and go on as if nothing had been. */
	AGENT_END_RESUME = 0,
	/* Post .end_counter and wait until a tracer comes. */
	AGENT_END_PARK = 1,
};

struct agent_program {
	uint64_t self;	/* offset of this header in the area */
	uint64_t calls; /* offset of the array of struct agent_call */
	uint64_t n_calls;
	uint64_t done;	 /* calls that have run; written by the agent */
	uint64_t failed; /* 1: call [done - 1] broke its demand */
	uint64_t end;	 /* enum agent_end */
	uint64_t stop_signo;
	uint64_t failed_counter; /* offset of a 32-bit counter that is posted on failure, 0: none */
	uint64_t end_counter;
	uint64_t data, data_len; /* the writable part of the area: offset and bytes */
	uint64_t stack;		 /* offset of the end of the stack that the agent runs on */
	uint64_t run_mask;	 /* signals blocked while the program runs */
	uint64_t mask;		 /* blocked signals of the interrupted thread */
	struct agent_regs regs;
	uint64_t exit;	   /* offset of the way out (arch/<a>/stub.S) of the interrupted thread */
	uint64_t end_goal; /* as arg1 of AGENT_POST, for .end_counter */
};

#endif
