/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thirty-two AVX-512 registers in full width.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   avx512
 *	wl: cflags  -mavx512f
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

#define COUNT 32
#define BYTES 64

static unsigned char want[COUNT * BYTES], got[COUNT * BYTES];

static void loop(void)
{
	__asm__ volatile("vmovups 0(%[want]), %%zmm0\n"
			 "vmovups 64(%[want]), %%zmm1\n"
			 "vmovups 128(%[want]), %%zmm2\n"
			 "vmovups 192(%[want]), %%zmm3\n"
			 "vmovups 256(%[want]), %%zmm4\n"
			 "vmovups 320(%[want]), %%zmm5\n"
			 "vmovups 384(%[want]), %%zmm6\n"
			 "vmovups 448(%[want]), %%zmm7\n"
			 "vmovups 512(%[want]), %%zmm8\n"
			 "vmovups 576(%[want]), %%zmm9\n"
			 "vmovups 640(%[want]), %%zmm10\n"
			 "vmovups 704(%[want]), %%zmm11\n"
			 "vmovups 768(%[want]), %%zmm12\n"
			 "vmovups 832(%[want]), %%zmm13\n"
			 "vmovups 896(%[want]), %%zmm14\n"
			 "vmovups 960(%[want]), %%zmm15\n"
			 "vmovups 1024(%[want]), %%zmm16\n"
			 "vmovups 1088(%[want]), %%zmm17\n"
			 "vmovups 1152(%[want]), %%zmm18\n"
			 "vmovups 1216(%[want]), %%zmm19\n"
			 "vmovups 1280(%[want]), %%zmm20\n"
			 "vmovups 1344(%[want]), %%zmm21\n"
			 "vmovups 1408(%[want]), %%zmm22\n"
			 "vmovups 1472(%[want]), %%zmm23\n"
			 "vmovups 1536(%[want]), %%zmm24\n"
			 "vmovups 1600(%[want]), %%zmm25\n"
			 "vmovups 1664(%[want]), %%zmm26\n"
			 "vmovups 1728(%[want]), %%zmm27\n"
			 "vmovups 1792(%[want]), %%zmm28\n"
			 "vmovups 1856(%[want]), %%zmm29\n"
			 "vmovups 1920(%[want]), %%zmm30\n"
			 "vmovups 1984(%[want]), %%zmm31\n" FREEZE_WAIT
			 "vmovups %%zmm0, 0(%[got])\n"
			 "vmovups %%zmm1, 64(%[got])\n"
			 "vmovups %%zmm2, 128(%[got])\n"
			 "vmovups %%zmm3, 192(%[got])\n"
			 "vmovups %%zmm4, 256(%[got])\n"
			 "vmovups %%zmm5, 320(%[got])\n"
			 "vmovups %%zmm6, 384(%[got])\n"
			 "vmovups %%zmm7, 448(%[got])\n"
			 "vmovups %%zmm8, 512(%[got])\n"
			 "vmovups %%zmm9, 576(%[got])\n"
			 "vmovups %%zmm10, 640(%[got])\n"
			 "vmovups %%zmm11, 704(%[got])\n"
			 "vmovups %%zmm12, 768(%[got])\n"
			 "vmovups %%zmm13, 832(%[got])\n"
			 "vmovups %%zmm14, 896(%[got])\n"
			 "vmovups %%zmm15, 960(%[got])\n"
			 "vmovups %%zmm16, 1024(%[got])\n"
			 "vmovups %%zmm17, 1088(%[got])\n"
			 "vmovups %%zmm18, 1152(%[got])\n"
			 "vmovups %%zmm19, 1216(%[got])\n"
			 "vmovups %%zmm20, 1280(%[got])\n"
			 "vmovups %%zmm21, 1344(%[got])\n"
			 "vmovups %%zmm22, 1408(%[got])\n"
			 "vmovups %%zmm23, 1472(%[got])\n"
			 "vmovups %%zmm24, 1536(%[got])\n"
			 "vmovups %%zmm25, 1600(%[got])\n"
			 "vmovups %%zmm26, 1664(%[got])\n"
			 "vmovups %%zmm27, 1728(%[got])\n"
			 "vmovups %%zmm28, 1792(%[got])\n"
			 "vmovups %%zmm29, 1856(%[got])\n"
			 "vmovups %%zmm30, 1920(%[got])\n"
			 "vmovups %%zmm31, 1984(%[got])\n"
			 "vzeroupper\n"
			 : FREEZE_OPERANDS
			 : [want] "r"(want), [got] "r"(got)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",
			   "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",
			   "xmm31");
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
