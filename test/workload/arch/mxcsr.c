/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSE control and status register: rounding, masks, flush to zero, sticky flags; of leader
 * and thread, in user mode and in a system call.
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 */
#define _GNU_SOURCE
#include "freeze.h"

#include <xmmintrin.h>

static unsigned int seen;

static void loop(void)
{
	_mm_setcsr(0xffc0 & ~0x0040);
	__asm__ volatile(FREEZE_WAIT:FREEZE_OPERANDS : : "memory", "cc");
	seen = _mm_getcsr();
	_mm_setcsr(0x1f80);
}

static void set(void *arg)
{
	(void)arg;
	/* Round up, invalid-operation not masked, precision flag set. */
	_mm_setcsr(0x5f00 | 0x0020);
}

static void check(void *arg)
{
	(void)arg;
	wl_check_eq(_mm_getcsr(), 0x5f20);
}

int main(void)
{
	wl_actor_thread(set, check, NULL);
	freeze_over(loop);
	wl_actors_finish();
	wl_check_eq(seen, 0xff80);
	wl_pass();
}
