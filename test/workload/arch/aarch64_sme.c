/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: SME. A thread runs in the streaming mode, with streaming vectors and the array full of a
 * pattern, and has chosen the length of its other vectors; a second one waits in a system call with
 * the array on, a vector length of its own, and its pointer TPIDR2; a third has only chosen its
 * length, to be kept by exec.
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64 feature:sme
 *	wl: cycles  2
 *	wl: crossing none CRIU keeps nothing of it
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SME_SET	    63
#define SME_GET	    64
#define SME_INHERIT (1 << 17)
#define LONGEST	    256
#define VECTORS	    32
#define OWN	    16
#define OTHER	    32 /* of SVE */
#define POINTER	    0x123456789abcdefull

struct state {
	unsigned char z[VECTORS * LONGEST], za[LONGEST * LONGEST];
};

#define ALL "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"

/* x0: what is wanted, x1: what is found, x2: the word, x3: the length. */
void run_streaming(const struct state *want, struct state *got, volatile uint32_t *word, long vl);
/* x0, x1 as above, x2: the length, x3: a descriptor to read a byte from, x4: where to. */
void wait_in_call(const struct state *want, struct state *got, long vl, long fd, char *byte);

__asm__(".arch armv9-a+sme\n"
	".macro keep_fp\n"
	"stp d8, d9, [sp, #-64]!; stp d10, d11, [sp, #16]\n"
	"stp d12, d13, [sp, #32]; stp d14, d15, [sp, #48]\n"
	".endm\n"
	".macro back_fp\n"
	"ldp d10, d11, [sp, #16]; ldp d12, d13, [sp, #32]; ldp d14, d15, [sp, #48]\n"
	"ldp d8, d9, [sp], #64\n"
	"ret\n"
	".endm\n"
	".text\n"
	".globl run_streaming\n"
	".type run_streaming, %function\n"
	"run_streaming:\n"
	"keep_fp\n"
	"smstart\n"
	"add x9, x0, #8192; mov x12, #0\n"
	"1: ldr za[w12, 0], [x9]; add x9, x9, x3; add x12, x12, #1; cmp x12, x3; b.lt 1b\n"
	".irp n," ALL "\n"
	"ldr z\\n, [x0, #\\n, mul vl]\n"
	".endr\n"
	"mov w4, #1; str w4, [x2]\n"
	"2: yield; ldr w4, [x2]; cmp w4, #1; b.eq 2b\n"
	".irp n," ALL "\n"
	"str z\\n, [x1, #\\n, mul vl]\n"
	".endr\n"
	"add x9, x1, #8192; mov x12, #0\n"
	"3: str za[w12, 0], [x9]; add x9, x9, x3; add x12, x12, #1; cmp x12, x3; b.lt 3b\n"
	"smstop\n"
	"back_fp\n"
	".globl wait_in_call\n"
	".type wait_in_call, %function\n"
	"wait_in_call:\n"
	"keep_fp\n"
	"mov x5, x0; mov x6, x1; mov x7, x2\n"
	"smstart za\n"
	"add x9, x5, #8192; mov x12, #0\n"
	"1: ldr za[w12, 0], [x9]; add x9, x9, x7; add x12, x12, #1; cmp x12, x7; b.lt 1b\n"
	"mov x0, x3; mov x1, x4; mov x2, #1; mov x8, #63; svc #0\n"
	"add x9, x6, #8192; mov x12, #0\n"
	"3: str za[w12, 0], [x9]; add x9, x9, x7; add x12, x12, #1; cmp x12, x7; b.lt 3b\n"
	"smstop za\n"
	"back_fp\n");

_Static_assert(offsetof(struct state, za) == 8192, "the assembly knows the places");

static struct state want;
static int fds[2];

struct thread {
	pthread_t thread;
	volatile uint32_t word;
	pid_t tid;
	struct state got;
	long vl; /* at the end, with its flags */
	uint64_t pointer;
};

static int length(void)
{
	return wl_try(prctl(SME_GET)) & 0xffff;
}

static void *streaming(void *arg)
{
	struct thread *t = arg;

	wl_check_eq(wl_try(prctl(PR_SVE_SET_VL, OTHER)) & PR_SVE_VL_LEN_MASK, OTHER);
	run_streaming(&want, &t->got, &t->word, length());
	t->vl = prctl(PR_SVE_GET_VL);
	return NULL;
}

static void *calling(void *arg)
{
	struct thread *t = arg;
	char byte;

	wl_check_eq(wl_try(prctl(SME_SET, OWN)) & 0xffff, OWN);
	__asm__ volatile("msr s3_3_c13_c0_5, %0" ::"r"(POINTER));
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_SEQ_CST);
	wait_in_call(&want, &t->got, OWN, fds[0], &byte);
	t->vl = prctl(SME_GET);
	__asm__ volatile("mrs %0, s3_3_c13_c0_5" : "=r"(t->pointer));
	__asm__ volatile("msr s3_3_c13_c0_5, xzr");
	return NULL;
}

static void *choosing(void *arg)
{
	struct thread *t = arg;
	char byte;

	wl_try(prctl(SME_SET, OWN | SME_INHERIT));
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_SEQ_CST);
	wl_check_eq(read(fds[0], &byte, 1), 1);
	t->vl = prctl(SME_GET);
	return NULL;
}

int main(void)
{
	static struct thread run, call, choose;
	int vl = length();

	wl_check(vl > OWN);
	wl_fill(&want, sizeof(want), 11);
	wl_try(pipe(fds));
	wl_check_eq(pthread_create(&run.thread, NULL, streaming, &run), 0);
	wl_check_eq(pthread_create(&call.thread, NULL, calling, &call), 0);
	wl_check_eq(pthread_create(&choose.thread, NULL, choosing, &choose), 0);
	while (!run.word || !__atomic_load_n(&call.tid, __ATOMIC_SEQ_CST) ||
	       !__atomic_load_n(&choose.tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	wl_await_call(call.tid, SYS_read);
	wl_await_call(choose.tid, SYS_read);
	wl_ready_and_wait();
	run.word = 2;
	wl_check_eq(pthread_join(run.thread, NULL), 0);
	wl_check_eq(run.vl, OTHER);
	if (memcmp(run.got.z, want.z, VECTORS * vl))
		wl_fail("streaming vectors of %d bytes have changed", vl);
	if (memcmp(run.got.za, want.za, vl * vl))
		wl_fail("the array of %d by %d bytes has changed", vl, vl);
	wl_check_eq(write(fds[1], "xx", 2), 2);
	wl_check_eq(pthread_join(call.thread, NULL), 0);
	wl_check_eq(pthread_join(choose.thread, NULL), 0);
	if (memcmp(call.got.za, want.za, OWN * OWN))
		wl_fail("the array of a thread in a system call has changed");
	wl_check_eq(call.vl, OWN);
	wl_check_eq(call.pointer, POINTER);
	wl_check_eq(choose.vl, OWN | SME_INHERIT);
	wl_check_eq(length(), vl);
	wl_pass();
}
