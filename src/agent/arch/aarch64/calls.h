/* SPDX-License-Identifier: Apache-2.0 */
/* How the blob enters the kernel on this processor. */
#ifndef AGENT_CALLS_H
#define AGENT_CALLS_H

#include <stdint.h>

#define AGENT_NR_futex	98
#define AGENT_NR_clone3 435

static inline int64_t agent_syscall(int64_t nr, const uint64_t a[6])
{
	register int64_t x8 __asm__("x8") = nr;
	register uint64_t x0 __asm__("x0") = a[0];
	register uint64_t x1 __asm__("x1") = a[1];
	register uint64_t x2 __asm__("x2") = a[2];
	register uint64_t x3 __asm__("x3") = a[3];
	register uint64_t x4 __asm__("x4") = a[4];
	register uint64_t x5 __asm__("x5") = a[5];

	/* A call that is restarted by restart_syscall(2) changes x8. */
	__asm__ volatile("svc #0"
			 : "+r"(x0), "+r"(x8)
			 : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* Calls of 32-bit programs can't be made from 64-bit code. */
static inline int64_t agent_syscall32(int32_t nr, const uint64_t a[6])
{
	(void)nr;
	(void)a;
	return -38; /* ENOSYS */
}

/* clone3 of a thread whose stack top holds its header and area: the child starts at
 * agent_thread_start and never returns from here. */
static inline int64_t agent_clone3(const void *args, uint64_t size)
{
	register int64_t x8 __asm__("x8") = AGENT_NR_clone3;
	register uint64_t x0 __asm__("x0") = (uint64_t)args;
	register uint64_t x1 __asm__("x1") = size;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "b agent_thread_start\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1)
			 : "memory");
	return x0;
}

static inline int64_t agent_arch(const uint64_t a[6])
{
	(void)a;
	return -22; /* EINVAL */
}

#endif
