/* SPDX-License-Identifier: Apache-2.0 */
/* How the blob enters the kernel on this processor. */
#ifndef AGENT_CALLS_H
#define AGENT_CALLS_H

#include <stdint.h>

#define AGENT_NR_futex	202
#define AGENT_NR_clone3 435

static inline int64_t agent_syscall(int64_t nr, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	int64_t ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The entry of 32-bit programs: numbers and structures of i386. */
static inline int64_t agent_syscall32(int32_t nr, const uint64_t a[6])
{
	int32_t ret;

	__asm__ volatile("push %%rbp\n\t"
			 "push %%rbx\n\t"
			 "mov %[a5], %%r11d\n\t"
			 "mov %[a0], %%ebx\n\t"
			 "mov %%r11d, %%ebp\n\t"
			 "int $0x80\n\t"
			 "pop %%rbx\n\t"
			 "pop %%rbp"
			 : "=a"(ret)
			 : "0"(nr), [a0] "r"((uint32_t)a[0]), "c"((uint32_t)a[1]),
			   "d"((uint32_t)a[2]), "S"((uint32_t)a[3]),
			   "D"((uint32_t)a[4]), [a5] "r"((uint32_t)a[5])
			 : "r8", "r9", "r10", "r11", "memory");
	return ret;
}

/* clone3 of a thread whose stack top holds its header and area: the child starts at
 * agent_thread_start and never returns from here. */
static inline int64_t agent_clone3(const void *args, uint64_t size)
{
	int64_t ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jz agent_thread_start"
			 : "=a"(ret)
			 : "0"((int64_t)AGENT_NR_clone3), "D"(args), "S"(size)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Palette 1 with one row of one tile, which is then written to, and given back. */
static inline void agent_use_tiles(void)
{
	unsigned char config[64] __attribute__((aligned(64)));

	for (unsigned int i = 0; i < sizeof(config); i++)
		((volatile unsigned char *)config)[i] = i == 0 || i == 48 ? 1 : i == 16 ? 4 : 0;
	__asm__ volatile("ldtilecfg %0\n\t"
			 "tilezero %%tmm0\n\t"
			 "tilerelease"
			 :
			 : "m"(config)
			 : "memory");
}

static inline int64_t agent_arch(const uint64_t a[6])
{
	uint32_t lo, hi;

	switch (a[0]) {
	case AGENT_ARCH_RDPKRU:
		__asm__ volatile("rdpkru" : "=a"(lo), "=d"(hi) : "c"(0));
		return lo;
	case AGENT_ARCH_WRPKRU:
		__asm__ volatile("wrpkru" : : "a"((uint32_t)a[1]), "c"(0), "d"(0));
		return 0;
	case AGENT_ARCH_TILES:
		agent_use_tiles();
		return 0;
	default:
		return -22; /* EINVAL */
	}
}

#endif
