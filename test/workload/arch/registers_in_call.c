/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and SSE state of threads that sit in a system call over the dump: what the kernel
 * keeps over a call must be kept over the restore too (all but rax, rcx and r11).
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t got[8];
static unsigned char want_sse[16], got_sse[16];
static int fds[2];

static void *live(void *arg)
{
	char byte;
	long result;

	register uint64_t r8 __asm__("r8") = 0x8181818181818181;
	register uint64_t r9 __asm__("r9") = 0x9191919191919191;
	register uint64_t r10 __asm__("r10") = 0xa1a1a1a1a1a1a1a1;
	register uint64_t r12 __asm__("r12") = 0xc1c1c1c1c1c1c1c1;
	register uint64_t r13 __asm__("r13") = 0xd1d1d1d1d1d1d1d1;
	register uint64_t r14 __asm__("r14") = 0xe1e1e1e1e1e1e1e1;
	register uint64_t r15 __asm__("r15") = 0xf1f1f1f1f1f1f1f1;

	(void)arg;
	__asm__ volatile("movups %[want], %%xmm15\n"
			 "syscall\n"
			 "movups %%xmm15, %[got]\n"
			 : "=a"(result), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13),
			   "+r"(r14), "+r"(r15), [got] "=m"(got_sse)
			 : "a"(SYS_read), "D"((long)fds[0]), "S"(&byte),
			   "d"(1L), [want] "m"(want_sse)
			 : "rcx", "r11", "memory", "cc", "xmm15");
	got[0] = r8;
	got[1] = r9;
	got[2] = r10;
	got[3] = r12;
	got[4] = r13;
	got[5] = r14;
	got[6] = r15;
	got[7] = result;
	return NULL;
}

int main(void)
{
	static const uint64_t want[8] = { 0x8181818181818181, 0x9191919191919191,
					  0xa1a1a1a1a1a1a1a1, 0xc1c1c1c1c1c1c1c1,
					  0xd1d1d1d1d1d1d1d1, 0xe1e1e1e1e1e1e1e1,
					  0xf1f1f1f1f1f1f1f1, 1 };
	pthread_t thread;

	wl_fill(want_sse, 16, 9);
	wl_try(pipe(fds));
	wl_check_eq(pthread_create(&thread, NULL, live, NULL), 0);
	wl_sleep_ms(50);
	wl_ready_and_wait();
	wl_check_eq(write(fds[1], "x", 1), 1);
	wl_check_eq(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 8; i++)
		wl_check_eq(got[i], want[i]);
	wl_check(wl_matches(got_sse, 16, 9));
	wl_pass();
}
