/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eight mask registers of AVX-512, in their 64 bits.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   avx512
 *	wl: cflags  -mavx512bw
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

#define COUNT 8
#define BYTES 8

static unsigned char want[COUNT * BYTES], got[COUNT * BYTES];

static void loop(void)
{
	__asm__ volatile("kmovq 0(%[want]), %%k0\n"
			 "kmovq 8(%[want]), %%k1\n"
			 "kmovq 16(%[want]), %%k2\n"
			 "kmovq 24(%[want]), %%k3\n"
			 "kmovq 32(%[want]), %%k4\n"
			 "kmovq 40(%[want]), %%k5\n"
			 "kmovq 48(%[want]), %%k6\n"
			 "kmovq 56(%[want]), %%k7\n" FREEZE_WAIT "kmovq %%k0, 0(%[got])\n"
			 "kmovq %%k1, 8(%[got])\n"
			 "kmovq %%k2, 16(%[got])\n"
			 "kmovq %%k3, 24(%[got])\n"
			 "kmovq %%k4, 32(%[got])\n"
			 "kmovq %%k5, 40(%[got])\n"
			 "kmovq %%k6, 48(%[got])\n"
			 "kmovq %%k7, 56(%[got])\n"
			 : FREEZE_OPERANDS
			 : [want] "r"(want), [got] "r"(got)
			 : "memory", "cc", "k1", "k2", "k3", "k4", "k5", "k6", "k7");
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
