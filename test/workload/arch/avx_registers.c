/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sixteen AVX registers, upper halves included.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   avx
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

#define COUNT 16
#define BYTES 32

static unsigned char want[COUNT * BYTES], got[COUNT * BYTES];

static void loop(void)
{
	__asm__ volatile("vmovups 0(%[want]), %%ymm0\n"
			 "vmovups 32(%[want]), %%ymm1\n"
			 "vmovups 64(%[want]), %%ymm2\n"
			 "vmovups 96(%[want]), %%ymm3\n"
			 "vmovups 128(%[want]), %%ymm4\n"
			 "vmovups 160(%[want]), %%ymm5\n"
			 "vmovups 192(%[want]), %%ymm6\n"
			 "vmovups 224(%[want]), %%ymm7\n"
			 "vmovups 256(%[want]), %%ymm8\n"
			 "vmovups 288(%[want]), %%ymm9\n"
			 "vmovups 320(%[want]), %%ymm10\n"
			 "vmovups 352(%[want]), %%ymm11\n"
			 "vmovups 384(%[want]), %%ymm12\n"
			 "vmovups 416(%[want]), %%ymm13\n"
			 "vmovups 448(%[want]), %%ymm14\n"
			 "vmovups 480(%[want]), %%ymm15\n" FREEZE_WAIT "vmovups %%ymm0, 0(%[got])\n"
			 "vmovups %%ymm1, 32(%[got])\n"
			 "vmovups %%ymm2, 64(%[got])\n"
			 "vmovups %%ymm3, 96(%[got])\n"
			 "vmovups %%ymm4, 128(%[got])\n"
			 "vmovups %%ymm5, 160(%[got])\n"
			 "vmovups %%ymm6, 192(%[got])\n"
			 "vmovups %%ymm7, 224(%[got])\n"
			 "vmovups %%ymm8, 256(%[got])\n"
			 "vmovups %%ymm9, 288(%[got])\n"
			 "vmovups %%ymm10, 320(%[got])\n"
			 "vmovups %%ymm11, 352(%[got])\n"
			 "vmovups %%ymm12, 384(%[got])\n"
			 "vmovups %%ymm13, 416(%[got])\n"
			 "vmovups %%ymm14, 448(%[got])\n"
			 "vmovups %%ymm15, 480(%[got])\n"
			 "vzeroupper\n"
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
