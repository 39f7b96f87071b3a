/* SPDX-License-Identifier: Apache-2.0 */
/* See agent/way_out.h and stub.S. */
#include "agent/way_out.h"

#include <errno.h>
#include <string.h>

#include "agent/blob.h"

#define USER_CS 0x33
#define RF_TF	0x10100ul

void agent_regs_take(struct agent_regs *out, const struct cpu_regs *from)
{
	struct cpu_regs regs = *from;
	const struct user_regs_struct *r = &regs.r;

	regs_restart(&regs, RESTART_LIVE);
	*out = (struct agent_regs){
		.r15 = r->r15,
		.r14 = r->r14,
		.r13 = r->r13,
		.r12 = r->r12,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.r11 = r->r11,
		.r10 = r->r10,
		.r9 = r->r9,
		.r8 = r->r8,
		.rax = r->rax,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rip = r->rip,
		.cs = r->cs,
		.rflags = r->eflags & ~RF_TF,
		.rsp = r->rsp,
		.ss = r->ss,
	};
}

void agent_regs_put(const struct agent_regs *in, struct cpu_regs *regs)
{
	struct user_regs_struct *r = &regs->r;

	r->r15 = in->r15, r->r14 = in->r14, r->r13 = in->r13, r->r12 = in->r12;
	r->rbp = in->rbp, r->rbx = in->rbx, r->r11 = in->r11, r->r10 = in->r10;
	r->r9 = in->r9, r->r8 = in->r8, r->rax = in->rax, r->rcx = in->rcx;
	r->rdx = in->rdx, r->rsi = in->rsi, r->rdi = in->rdi, r->rip = in->rip;
	r->cs = in->cs, r->eflags = in->rflags, r->rsp = in->rsp, r->ss = in->ss;
	r->orig_rax = -1;
}

uint64_t agent_header_of(const struct cpu_regs *regs)
{
	return regs->r.rbx;
}

void way_out_fill(unsigned char *out, const struct way_out *way, uint64_t at)
{
	struct agent_stub_data data = { .mask = way->mask, .word = way->word, .stop = way->stop };
	const struct cpu_regs *regs = way->regs;
	bool compat = regs_compat(regs);

	agent_regs_take(&data.regs, regs);
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

void way_out_read(const struct agent_stub_data *data, struct cpu_regs *regs, uint64_t *ret_mask)
{
	agent_regs_put(&data->regs, regs);
	*ret_mask = data->mask;
}

/* From the saved instruction pointer of a signal frame to its code segment and its uc_sigmask, in
 * words (struct ucontext of arch/x86/include/uapi/asm/ucontext.h and sigcontext.h). */
#define FRAME_CS   2
#define FRAME_MASK 16

bool agent_frame_among(const uint64_t *words, size_t n, const struct code_range *ranges,
		       size_t n_ranges, uint64_t mask)
{
	for (size_t k = 0; k + FRAME_MASK < n; k++)
		for (size_t i = 0; i < n_ranges; i++)
			if (words[k] - ranges[i].start < ranges[i].end - ranges[i].start &&
			    (words[k + FRAME_CS] & 0xffff) == USER_CS &&
			    words[k + FRAME_MASK] != mask)
				return true;
	return false;
}
