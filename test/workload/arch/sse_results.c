/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE registers hold results of an addition and a square root, in single and in double
 * precision, over the freeze.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 *	wl: cflags  -fno-math-errno
 */
#define _GNU_SOURCE
#include "freeze.h"

static float single[4] = { 1.1f, 2.2f, 3.3f, 4.4f }, single_sum[4], single_root[4];
static double full[2] = { 1.0 / 3, 1e300 }, full_sum[2], full_root[2];

static void loop(void)
{
	__asm__ volatile(
		"movups %[single], %%xmm0\n"
		"movups %[single], %%xmm1\n"
		"addps %%xmm0, %%xmm1\n"
		"sqrtps %%xmm0, %%xmm2\n"
		"movups %[full], %%xmm3\n"
		"movups %[full], %%xmm4\n"
		"addpd %%xmm3, %%xmm4\n"
		"sqrtpd %%xmm3, %%xmm5\n" FREEZE_WAIT "movups %%xmm1, %[single_sum]\n"
		"movups %%xmm2, %[single_root]\n"
		"movups %%xmm4, %[full_sum]\n"
		"movups %%xmm5, %[full_root]\n"
		: FREEZE_OPERANDS, [single_sum] "=m"(single_sum), [single_root] "=m"(single_root),
		  [full_sum] "=m"(full_sum), [full_root] "=m"(full_root)
		: [single] "m"(single), [full] "m"(full)
		: "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5");
}

int main(void)
{
	freeze_over(loop);
	for (int i = 0; i < 4; i++) {
		wl_check(single_sum[i] == single[i] + single[i]);
		wl_check(single_root[i] == __builtin_sqrtf(single[i]));
	}
	for (int i = 0; i < 2; i++) {
		wl_check(full_sum[i] == full[i] + full[i]);
		wl_check(full_root[i] == __builtin_sqrt(full[i]));
	}
	wl_pass();
}
