/* SPDX-License-Identifier: Apache-2.0 */
/* See agent/way_out.h and stub.S. */
#include "agent/way_out.h"

#include <stddef.h>
#include <string.h>

#include "agent/blob.h"

#define FPSIMD_MAGIC  0x46508001u
#define STACK_REFUSED 0xdeadu /* flags that no sigaltstack(2) takes: the alternate stack stays */

_Static_assert(offsetof(struct agent_program, exit) == 384, "");
_Static_assert(offsetof(struct agent_sigframe, fault_address) + 128 == 304, "");
_Static_assert(offsetof(struct agent_sigframe, fpsimd) % 16 == 0, "");
_Static_assert(sizeof(((struct agent_sigframe *)0)->fpsimd) == 528, "");
_Static_assert(sizeof(((struct cpu_regs *)0)->r) == sizeof(struct agent_regs), "");

void agent_regs_take(struct agent_regs *out, const struct cpu_regs *from)
{
	struct cpu_regs regs = *from;

	regs_restart(&regs, RESTART_LIVE);
	memcpy(out, &regs.r, sizeof(*out));
}

void agent_regs_put(const struct agent_regs *in, struct cpu_regs *regs)
{
	memcpy(&regs->r, in, sizeof(*in));
	regs->call = -1;
}

uint64_t agent_header_of(const struct cpu_regs *regs)
{
	return regs->r.regs[19];
}

void way_out_fill(unsigned char *out, const struct way_out *way, uint64_t at)
{
	struct agent_stub_data data = { .word = way->word, .stop = way->stop, .all = ~UINT64_C(0) };
	struct agent_sigframe *f = &data.frame;

	(void)at;
	f->mask = way->mask;
	f->stack_flags = STACK_REFUSED;
	agent_regs_take(&f->regs, way->regs);
	f->fpsimd.magic = FPSIMD_MAGIC;
	f->fpsimd.size = sizeof(f->fpsimd);
	f->fpsimd.fpsr = way->regs->fp.fpsr;
	f->fpsimd.fpcr = way->regs->fp.fpcr;
	memcpy(f->fpsimd.vregs, way->regs->fp.vregs, sizeof(f->fpsimd.vregs));
	memcpy(out, agent_stub, agent_stub_size);
	memcpy(out + agent_stub_size - sizeof(data), &data, sizeof(data));
}

void way_out_read(const struct agent_stub_data *data, struct cpu_regs *regs, uint64_t *ret_mask)
{
	agent_regs_put(&data->frame.regs, regs);
	*ret_mask = data->frame.mask;
}

/* In words, from the saved program counter back to uc_sigmask (struct ucontext and sigcontext of
 * arch/arm64/include/uapi/asm). */
#define PC_WORD	  (offsetof(struct agent_sigframe, regs.pc) / 8)
#define MASK_WORD (offsetof(struct agent_sigframe, mask) / 8)

bool agent_frame_among(const uint64_t *words, size_t n, const struct code_range *ranges,
		       size_t n_ranges, uint64_t mask)
{
	for (size_t k = PC_WORD; k < n; k++)
		for (size_t i = 0; i < n_ranges; i++)
			if (words[k] - ranges[i].start < ranges[i].end - ranges[i].start &&
			    words[k - PC_WORD + MASK_WORD] != mask)
				return true;
	return false;
}
