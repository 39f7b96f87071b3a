/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extended state of an x86 thread as one register set (NT_X86_XSTATE): the processor's
 * standard, non-compacted xsave format (Intel SDM 1, 13.4): 512 bytes legacy area, 64 bytes header
 * (first word xstate_bv), then components, each at a place that the processor decides. A processor
 * without XSAVE (Intel's before 2008, and the smallest kinds that emulators and hypervisors have)
 * has the legacy area only (NT_PRFPREG).
 */
#ifndef KERNEL_XSAVE_H
#define KERNEL_XSAVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

#define XSAVE_LEGACY 512 /* where the header is */
#define XSAVE_FIRST  576 /* where the first component is */

enum xsave_part {
	XSAVE_X87 = 0,
	XSAVE_SSE = 1,
	XSAVE_YMM = 2,
	XSAVE_BNDREG = 3,
	XSAVE_BNDCSR = 4,
	XSAVE_OPMASK = 5,
	XSAVE_ZMM = 6,
	XSAVE_HI16 = 7,
	XSAVE_PKRU = 9,
	XSAVE_TILES = 18,
};

struct xsave_component {
	unsigned int size, offset; /* size 0: the processor does not have it, or not in use */
};

/* Of those above behind SSE. */
struct xsave_component xsave_component(enum xsave_part part);
/* Of any component, by the number that the processor gives it; asks the processor, which is slow in
 * a virtual machine. */
struct xsave_component xsave_further(unsigned int part);
/* Bit n: a process gets component n when it asks the kernel for it (ARCH_REQ_XCOMP_PERM). */
uint64_t xsave_on_request(void);
/* The type of the register set. */
int xsave_regset(void);
/* The length of the whole register set, which the kernel insists on; asked of a stopped thread. */
int xsave_size(pid_t tid, size_t *ret_size, struct err *err);

#endif
