/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sixteen SSE registers are full of a pattern over the freeze.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

#define COUNT 16
#define BYTES 16

static unsigned char want[COUNT * BYTES], got[COUNT * BYTES];

static void loop(void)
{
	__asm__ volatile("movups 0(%[want]), %%xmm0\n"
			 "movups 16(%[want]), %%xmm1\n"
			 "movups 32(%[want]), %%xmm2\n"
			 "movups 48(%[want]), %%xmm3\n"
			 "movups 64(%[want]), %%xmm4\n"
			 "movups 80(%[want]), %%xmm5\n"
			 "movups 96(%[want]), %%xmm6\n"
			 "movups 112(%[want]), %%xmm7\n"
			 "movups 128(%[want]), %%xmm8\n"
			 "movups 144(%[want]), %%xmm9\n"
			 "movups 160(%[want]), %%xmm10\n"
			 "movups 176(%[want]), %%xmm11\n"
			 "movups 192(%[want]), %%xmm12\n"
			 "movups 208(%[want]), %%xmm13\n"
			 "movups 224(%[want]), %%xmm14\n"
			 "movups 240(%[want]), %%xmm15\n" FREEZE_WAIT "movups %%xmm0, 0(%[got])\n"
			 "movups %%xmm1, 16(%[got])\n"
			 "movups %%xmm2, 32(%[got])\n"
			 "movups %%xmm3, 48(%[got])\n"
			 "movups %%xmm4, 64(%[got])\n"
			 "movups %%xmm5, 80(%[got])\n"
			 "movups %%xmm6, 96(%[got])\n"
			 "movups %%xmm7, 112(%[got])\n"
			 "movups %%xmm8, 128(%[got])\n"
			 "movups %%xmm9, 144(%[got])\n"
			 "movups %%xmm10, 160(%[got])\n"
			 "movups %%xmm11, 176(%[got])\n"
			 "movups %%xmm12, 192(%[got])\n"
			 "movups %%xmm13, 208(%[got])\n"
			 "movups %%xmm14, 224(%[got])\n"
			 "movups %%xmm15, 240(%[got])\n"
			 : FREEZE_OPERANDS
			 : [want] "r"(want), [got] "r"(got)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
}

int main(void)
{
	wl_fill(want, sizeof(want), 0xa5c);
	freeze_over(loop);
	for (int i = 0; i < COUNT; i++)
		if (memcmp(want + i * BYTES, got + i * BYTES, BYTES))
			wl_fail("register %d has changed", i);
	wl_pass();
}
