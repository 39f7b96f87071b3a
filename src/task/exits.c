/* SPDX-License-Identifier: Apache-2.0 */
/* See exits.h and agent/arch/<a>/stub.S. */
#include "task/exits.h"

#include <errno.h>
#include <string.h>

#include "agent/blob.h"
#include "kernel/ptrace.h"
#include "task/visit_steps.h"

/* What the program would go on with, were the tool to die now. */
void regs_to_agent(const struct cpu_regs *from, struct agent_regs *out)
{
	struct cpu_regs regs = *from;

	regs_restart(&regs, RESTART_LIVE);
	*out = (struct agent_regs){
		.r15 = regs.r.r15,
		.r14 = regs.r.r14,
		.r13 = regs.r.r13,
		.r12 = regs.r.r12,
		.rbp = regs.r.rbp,
		.rbx = regs.r.rbx,
		.r11 = regs.r.r11,
		.r10 = regs.r.r10,
		.r9 = regs.r.r9,
		.r8 = regs.r.r8,
		.rax = regs.r.rax,
		.rcx = regs.r.rcx,
		.rdx = regs.r.rdx,
		.rsi = regs.r.rsi,
		.rdi = regs.r.rdi,
		.rip = regs.r.rip,
		.cs = regs.r.cs,
		.rflags = regs.r.eflags & ~0x10100ul /* RF, TF */,
		.rsp = regs.r.rsp,
		.ss = regs.r.ss,
	};
}

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

void exit_fill(unsigned char *out, const struct way_out *way, uint64_t at)
{
	struct agent_stub_data data = { .mask = way->mask, .word = way->word, .stop = way->stop };
	const struct cpu_regs *regs = way->regs;
	bool compat = regs_compat(regs);

	regs_to_agent(regs, &data.regs);
	data.far_ip = data.regs.rip;
	data.over_ip = regs_ip(regs);
	data.far_cs = data.over_cs = data.regs.cs;
	data.jump = compat ? at + AGENT_STUB_FAR : data.regs.rip;
	data.result_jump = compat ? at + AGENT_STUB_FAR_OVER : regs_ip(regs);
	data.result = regs_restarts(regs) ? -EINTR : regs_result(regs);
	data.probe = regs_restart_unless_handled(regs);
	memcpy(out, agent_stub, agent_stub_size);
	memcpy(out + agent_stub_size - sizeof(data), &data, sizeof(data));
}

int exit_stand(pid_t tid, const struct cpu_regs *regs, uint64_t at, struct err *err)
{
	struct cpu_regs there = *regs;

	regs_move(&there, at + AGENT_STUB_WAIT);
	return ptrace_set_regs(tid, &there, err);
}
