/* SPDX-License-Identifier: Apache-2.0 */
/* The machine code that goes into a process; all of it is position independent. */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

#include <stdint.h>

#include "agent/wire.h"

/* The interpreter, entered at its first byte (arch/<a>/entry.S). */
extern const unsigned char agent_blob[];
extern const unsigned int agent_blob_size;

/* The foothold (arch/<a>/stub.S): its first instruction is a system call; it ends with this. */
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
extern const unsigned char agent_stub[];
extern const unsigned int agent_stub_size;

#endif
