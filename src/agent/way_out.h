/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out: what a thread does by itself when the tool that holds it is killed. One is the stub of
 * agent/arch/<a>/stub.S with the thread's own data, at any executable place of its process.
 * arch/<a>/way_out.c knows what belongs to the processor.
 */
#ifndef AGENT_WAY_OUT_H
#define AGENT_WAY_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wire.h"
#include "kernel/regs.h"

/* More than the stub takes on any processor, bytes. */
#define WAY_OUT_MAX 2048

struct way_out {
	const struct cpu_regs *regs; /* with which the thread goes on */
	uint64_t mask;
	uint64_t word; /* address of a 32-bit word: the process ends while it is 0 (0: none) */
	int stop;      /* a signal with which the process is stopped first (0: none) */
};

/* Writes agent_stub_size bytes, for a way out that will lie at this address. */
void way_out_fill(unsigned char *out, const struct way_out *way, uint64_t at);
/* What the data behind a stub's code say: the registers and the mask of its thread. */
void way_out_read(const struct agent_stub_data *data, struct cpu_regs *regs, uint64_t *ret_mask);

/* The registers of a thread as the agent knows them: what the program would go on with, were the
 * tool to die now. */
void agent_regs_take(struct agent_regs *out, const struct cpu_regs *from);
/* The reverse: no call counts as interrupted. */
void agent_regs_put(const struct agent_regs *in, struct cpu_regs *regs);
/* The program's header, while a thread runs code of entry.S. */
uint64_t agent_header_of(const struct cpu_regs *regs);

/*
 * Is there, in n words of a stack, the frame of a signal handler that has interrupted code between
 * from and to, and is to put back another mask than the thread has?
 */
struct code_range {
	uint64_t start, end;
};
bool agent_frame_among(const uint64_t *words, size_t n, const struct code_range *ranges,
		       size_t n_ranges, uint64_t mask);

#endif
