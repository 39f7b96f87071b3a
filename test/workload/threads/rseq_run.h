/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads that run long restartable sequences all the time; SECTION_FLAGS is to be defined. */
#ifndef WORKLOAD_THREADS_RSEQ_RUN_H
#define WORKLOAD_THREADS_RSEQ_RUN_H

#include <pthread.h>

#include "rseq.h"

static bool stop;
static unsigned long done[2], aborted[2];

/*
 * One section of about a million rounds. Returns 0 if it was completed with the pointer in
 * place, 1 if aborted, 2 if completed with the pointer gone.
 */
static int section(struct rseq *area)
{
	uint64_t rounds = 1000000;

#ifdef __aarch64__
	__asm__ goto volatile(".pushsection __rseq_cs, \"aw\"\n"
			      ".balign 32\n"
			      "3:\n"
			      ".long 0, %c[flags]\n"
			      ".quad 1f, 2f - 1f, 4f\n"
			      ".popsection\n"
			      "adrp x9, 3b\n"
			      "add x9, x9, :lo12:3b\n"
			      "mov x10, %[rounds]\n"
			      "str x9, [%[area], %c[cs]]\n"
			      "1:\n"
			      "5: subs x10, x10, #1\n"
			      "b.ne 5b\n"
			      "ldr x9, [%[area], %c[cs]]\n"
			      "cbz x9, 7f\n"
			      "2:\n"
			      "b 6f\n"
			      ".inst 0xd428bc00\n"
			      "4: b %l[abort]\n"
			      "7: b %l[cleared]\n"
			      "6:\n"
			      :
			      : [area] "r"(area), [rounds] "r"(rounds), [flags] "i"(SECTION_FLAGS),
				[cs] "i"(offsetof(struct rseq, rseq_cs))
			      : "x9", "x10", "memory", "cc"
			      : abort, cleared);
#else
	__asm__ goto volatile(".pushsection __rseq_cs, \"aw\"\n"
			      ".balign 32\n"
			      "3:\n"
			      ".long 0, %c[flags]\n"
			      ".quad 1f, 2f - 1f, 4f\n"
			      ".popsection\n"
			      "leaq 3b(%%rip), %%rax\n"
			      "movq %[rounds], %%rcx\n"
			      "movq %%rax, %c[cs](%[area])\n"
			      "1:\n"
			      "5: decq %%rcx\n"
			      "jnz 5b\n"
			      "cmpq $0, %c[cs](%[area])\n"
			      "je 7f\n"
			      "2:\n"
			      "jmp 6f\n"
			      ".pushsection .text.abort, \"ax\"\n"
			      ".byte 0x0f, 0xb9, 0x3d\n"
			      ".long 0x53053053\n"
			      "4: jmp %l[abort]\n"
			      "7: jmp %l[cleared]\n"
			      ".popsection\n"
			      "6:\n"
			      :
			      : [area] "r"(area), [rounds] "r"(rounds), [flags] "i"(SECTION_FLAGS),
				[cs] "i"(offsetof(struct rseq, rseq_cs))
			      : "rax", "rcx", "memory", "cc"
			      : abort, cleared);
#endif
	__atomic_store_n(&area->rseq_cs, 0, __ATOMIC_RELAXED);
	return 0;
abort:
	return 1;
cleared:
	return 2;
}

static struct wl_stage *started;

static void run(void *arg)
{
	static __thread struct rseq area __attribute__((aligned(32)));
	int i = (long)arg;

	rseq_register(&area);
	wl_stage_add(started);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		switch (section(&area)) {
		case 0:
			done[i]++;
			break;
		case 1:
			if (SECTION_FLAGS)
				wl_fail("section was aborted though its flags forbid it");
			aborted[i]++;
			break;
		default:
			wl_fail("section went on though its descriptor was cleared");
		}
	}
	rseq_check_registered(&area);
}

static void *thread(void *arg)
{
	run(arg);
	return NULL;
}

static void run_sections(char **argv)
{
	pthread_t threads[2];
	unsigned long before;

	rseq_without_libc(argv);
	started = wl_stage_new();
	for (long i = 0; i < 2; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, thread, (void *)i), 0);
	wl_stage_await(started, 2);
	wl_ready_and_wait();
	before = done[0];
	while (__atomic_load_n(&done[0], __ATOMIC_SEQ_CST) == before)
		wl_sleep_ms(10);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
}

#endif
