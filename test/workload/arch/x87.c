/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An x87 computation is left half-done on the register stack, with a control word (rounding,
 * precision) of its own; popping the rest gives what an uninterrupted run gives.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

struct result {
	long double values[8];
	uint16_t control, status;
};

static struct result interrupted, plain;

/* Eight values on the stack, then all popped; round down, double precision. */
#define COMPUTE(wait, result)                                                                      \
	__asm__ volatile(                                                                          \
		"fninit\n"                                                                         \
		"fldcw %[control]\n"                                                               \
		"fldpi\n"                                                                          \
		"fldl2e\n"                                                                         \
		"fld %%st(1)\n"                                                                    \
		"fmul %%st(1)\n"                                                                   \
		"fldln2\n"                                                                         \
		"fld %%st(0)\n"                                                                    \
		"fsqrt\n"                                                                          \
		"fld1\n"                                                                           \
		"fdiv %%st(4)\n"                                                                   \
		"fldlg2\n"                                                                         \
		"fldz\n" wait "fnstsw %[status]\n"                                                 \
		"fnstcw %[saved]\n"                                                                \
		"fstpt 0(%[values])\n"                                                             \
		"fstpt 16(%[values])\n"                                                            \
		"fstpt 32(%[values])\n"                                                            \
		"fstpt 48(%[values])\n"                                                            \
		"fstpt 64(%[values])\n"                                                            \
		"fstpt 80(%[values])\n"                                                            \
		"fstpt 96(%[values])\n"                                                            \
		"fstpt 112(%[values])\n"                                                           \
		"fninit\n"                                                                         \
		: FREEZE_OPERANDS, [status] "=m"((result).status), [saved] "=m"((result).control)  \
		: [values] "r"((result).values), [control] "m"(control)                            \
		: "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",      \
		  "st(7)")

static const uint16_t control = 0x0400 | 0x0200 | 0x007f;

static void loop(void)
{
	COMPUTE(FREEZE_WAIT, interrupted);
}

int main(void)
{
	COMPUTE("", plain);
	wl_check_eq(plain.control, control);
	freeze_over(loop);
	wl_check_eq(interrupted.control, plain.control);
	wl_check_eq(interrupted.status, plain.status);
	for (int i = 0; i < 8; i++)
		if (memcmp(&interrupted.values[i], &plain.values[i], 10))
			wl_fail("value %d on the stack is %Lg, expected %Lg", i,
				interrupted.values[i], plain.values[i]);
	wl_pass();
}
