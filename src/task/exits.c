/* SPDX-License-Identifier: Apache-2.0 */
/* See exits.h and agent/arch/<a>/stub.S. */
#include "task/exits.h"

#include "agent/blob.h"
#include "kernel/ptrace.h"
#include "task/visit_steps.h"

size_t exit_room(void)
{
	return (agent_stub_size + 15) & ~15u;
}

size_t exits_size(size_t n)
{
	size_t a_page = PAGE / exit_room();

	return (n + a_page - 1) / a_page * PAGE;
}

uint64_t exits_place(size_t i)
{
	size_t a_page = PAGE / exit_room();

	return i / a_page * PAGE + i % a_page * exit_room();
}

int exit_stand(pid_t tid, const struct cpu_regs *regs, uint64_t at, struct err *err)
{
	struct cpu_regs there = *regs;

	regs_move(&there, at + AGENT_STUB_WAIT);
	return ptrace_set_regs(tid, &there, err);
}
