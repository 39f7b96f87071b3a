/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task waits on a stack of its own with hardly 600 bytes left below the stack pointer; directly
 * below lies another area of its own. Nothing that is put into the task may run past the lower
 * end of the stack.
 *
 * wl: areas memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "workload.h"

enum { STACK = 16384 };

static ucontext_t home, away;
static char *below;

/* rt_sigtimedwait() with another stack pointer. */
static long wait_at(char *low, const uint64_t *set, long size)
{
#ifdef __aarch64__
	register long x8 __asm__("x8") = SYS_rt_sigtimedwait;
	register const void *x0 __asm__("x0") = set;
	register long x1 __asm__("x1") = 0, x2 __asm__("x2") = 0, x3 __asm__("x3") = size;

	__asm__ volatile("mov x9, sp\n\t"
			 "mov sp, %[low]\n\t"
			 "svc #0\n\t"
			 "mov sp, x9"
			 : "+r"(x0)
			 : [low] "r"(low), "r"(x1), "r"(x2), "r"(x3), "r"(x8)
			 : "x9", "memory");
	return (long)x0;
#else
	long ret = SYS_rt_sigtimedwait;
	register long r10 __asm__("r10") = size;

	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %[low], %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%rbx, %%rsp"
			 : "+a"(ret)
			 : [low] "r"(low), "D"(set), "S"(0), "d"(0), "r"(r10)
			 : "rbx", "rcx", "r11", "memory");
	return ret;
#endif
}

/* Sleeps in rt_sigtimedwait() with the stack pointer 600 bytes above the stack's lower end; all
 * arguments are prepared before, so that no call is made down there. */
static void wait_low(void)
{
	static uint64_t set = 1ULL << (SIGTERM - 1);
	char *low = below + STACK + 600;
	long ret;

	low = (char *)((uintptr_t)low & ~15UL);
	do
		ret = wait_at(low, &set, sizeof(set));
	while (ret == -EINTR);
	wl_check_eq(ret, SIGTERM);
}

int main(void)
{
	below = wl_try(
		mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_fill(below, STACK, 5);
	wl_try(mprotect(below, STACK, PROT_READ));
	wl_ready();
	wl_try(getcontext(&away));
	away.uc_stack.ss_sp = below + STACK;
	away.uc_stack.ss_size = STACK;
	away.uc_link = &home;
	makecontext(&away, wait_low, 0);
	wl_try(swapcontext(&home, &away));
	wl_check(wl_matches(below, STACK, 5));
	wl_pass();
}
