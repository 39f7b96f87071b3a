/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MMX registers hold results of packed byte addition and word subtraction over the freeze.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 */
#define _GNU_SOURCE
#include "freeze.h"

static uint8_t a[8] = { 1, 2, 3, 250, 5, 6, 7, 255 }, b[8] = { 9, 8, 7, 6, 5, 4, 3, 2 };
static uint8_t sum[8];
static uint16_t difference[4];

static void loop(void)
{
	__asm__ volatile("movq %[a], %%mm0\n"
			 "paddb %[b], %%mm0\n"
			 "movq %[a], %%mm7\n"
			 "psubw %[b], %%mm7\n" FREEZE_WAIT "movq %%mm0, %[sum]\n"
			 "movq %%mm7, %[difference]\n"
			 "emms\n"
			 : FREEZE_OPERANDS, [sum] "=m"(sum), [difference] "=m"(difference)
			 : [a] "m"(a), [b] "m"(b)
			 : "memory", "cc", "mm0", "mm7");
}

int main(void)
{
	uint16_t wide_a[4], wide_b[4];

	freeze_over(loop);
	memcpy(wide_a, a, 8);
	memcpy(wide_b, b, 8);
	for (int i = 0; i < 8; i++)
		wl_check_eq(sum[i], (uint8_t)(a[i] + b[i]));
	for (int i = 0; i < 4; i++)
		wl_check_eq(difference[i], (uint16_t)(wide_a[i] - wide_b[i]));
	wl_pass();
}
