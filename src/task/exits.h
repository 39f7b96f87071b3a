/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out: what a thread does by itself when the tool that holds it is killed. One is the stub of
 * agent/arch/<a>/stub.S with the thread's own data, at any executable place of its process.
 */
#ifndef TASK_EXITS_H
#define TASK_EXITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "kernel/regs.h"

struct way_out {
	const struct cpu_regs *regs; /* with which the thread goes on */
	uint64_t mask;
	uint64_t word; /* address of a 32-bit word: the process ends while it is 0 (0: none) */
	int stop;      /* a signal with which the process is stopped first (0: none) */
};

/* Bytes that one takes. */
size_t exit_room(void);
/* Several in a row of pages, none of them in two: the size of the row, the place of number i. */
size_t exits_size(size_t n);
uint64_t exits_place(size_t i);

/* Writes exit_room() bytes at most, for a way out that will lie at this address. */
void exit_fill(unsigned char *out, const struct way_out *way, uint64_t at);
/* Points a stopped thread at the place of a way out where its mask may be changed: were the tool to
 * die now, the kernel would treat an interrupted call as it has to. */
int exit_stand(pid_t tid, const struct cpu_regs *regs, uint64_t at, struct err *err);

/* The registers of a thread as the agent and the way out know them. */
struct agent_regs;
void regs_to_agent(const struct cpu_regs *from, struct agent_regs *out);

#endif
