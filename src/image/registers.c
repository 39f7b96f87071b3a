/* SPDX-License-Identifier: Apache-2.0 */
/* See registers.h. */
#include "image/registers.h"

uint64_t registers_ip(const CoreEntry *core)
{
	const ThreadInfoX86 *x86 = core->thread_info;
	const ThreadInfoAarch64 *arm = core->ti_aarch64;

	if (core->mtype == CORE_ENTRY__MARCH__X86_64 && x86 && x86->gpregs)
		return x86->gpregs->ip;
	if (core->mtype == CORE_ENTRY__MARCH__AARCH64 && arm && arm->gpregs)
		return arm->gpregs->pc;
	return 0;
}

bool registers_compat(const CoreEntry *core)
{
	const ThreadInfoX86 *x86 = core->thread_info;

	return core->mtype == CORE_ENTRY__MARCH__X86_64 && x86 && x86->gpregs &&
	       x86->gpregs->has_mode && x86->gpregs->mode == USER_X86_REGS_MODE__COMPAT;
}
