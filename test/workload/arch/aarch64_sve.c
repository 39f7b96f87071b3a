/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: the vectors and predicates of SVE are full of a pattern over the freeze, in a thread
 * that runs in its program with the system's vector length, and in one with a length of its own.
 * A third, which waits in a system call, has only chosen its length.
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64 feature:sve
 *	wl: cycles  2
 *	wl: crossing none CRIU keeps of them what FP/SIMD has
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VECTORS	   32
#define PREDICATES 16
#define LONGEST	   256
#define OWN	   32

struct vectors {
	unsigned char z[VECTORS * LONGEST], p[PREDICATES * LONGEST / 8], ffr[LONGEST / 8];
};

/* Fills the registers out of want, waits until the word changes, and gets them back. */
void run(const struct vectors *want, struct vectors *got, volatile uint32_t *word);

__asm__(".arch armv8.2-a+sve\n"
	".text\n"
	".globl run\n"
	".type run, %function\n"
	"run:\n"
	"stp d8, d9, [sp, #-64]!; stp d10, d11, [sp, #16]\n"
	"stp d12, d13, [sp, #32]; stp d14, d15, [sp, #48]\n"
	"add x3, x0, #8192\n"
	"add x4, x3, #512\n"
	"ldr p0, [x4]\n"
	"wrffr p0.b\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"ldr p\\n, [x3, #\\n, mul vl]\n"
	".endr\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
	"30,31\n"
	"ldr z\\n, [x0, #\\n, mul vl]\n"
	".endr\n"
	"mov w4, #1; str w4, [x2]\n"
	"1: yield; ldr w4, [x2]; cmp w4, #1; b.eq 1b\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
	"30,31\n"
	"str z\\n, [x1, #\\n, mul vl]\n"
	".endr\n"
	"add x3, x1, #8192\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"str p\\n, [x3, #\\n, mul vl]\n"
	".endr\n"
	"rdffr p0.b\n"
	"add x3, x3, #512\n"
	"str p0, [x3]\n"
	"ldp d10, d11, [sp, #16]; ldp d12, d13, [sp, #32]; ldp d14, d15, [sp, #48]\n"
	"ldp d8, d9, [sp], #64\n"
	"ret\n");

_Static_assert(offsetof(struct vectors, p) == 8192 && offsetof(struct vectors, ffr) == 8704, "");

static struct vectors want;
static int fds[2];

struct thread {
	int length; /* 0: the system's */
	pthread_t thread;
	volatile uint32_t word; /* 1: the registers are full; 2: it is to end */
	pid_t tid;
	struct vectors got;
	int now; /* its length at the end */
};

static int length_now(void)
{
	return wl_try(prctl(PR_SVE_GET_VL)) & PR_SVE_VL_LEN_MASK;
}

static void *running(void *arg)
{
	struct thread *t = arg;

	if (t->length)
		wl_check_eq(wl_try(prctl(PR_SVE_SET_VL, t->length)) & PR_SVE_VL_LEN_MASK,
			    t->length);
	run(&want, &t->got, &t->word);
	t->now = length_now();
	return NULL;
}

static void *calling(void *arg)
{
	struct thread *t = arg;
	char byte;

	wl_try(prctl(PR_SVE_SET_VL, t->length));
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_SEQ_CST);
	wl_check_eq(read(fds[0], &byte, 1), 1);
	t->now = length_now();
	return NULL;
}

static void check(struct thread *t, int length)
{
	t->word = 2;
	wl_check_eq(pthread_join(t->thread, NULL), 0);
	wl_check_eq(t->now, length);
	if (memcmp(t->got.z, want.z, VECTORS * length))
		wl_fail("vectors of %d bytes have changed", length);
	if (memcmp(t->got.p, want.p, PREDICATES * length / 8))
		wl_fail("predicates of %d bits have changed", length);
	if (memcmp(t->got.ffr, want.ffr, length / 8))
		wl_fail("the first-fault register of %d bits has changed", length);
}

int main(void)
{
	static struct thread system, own = { .length = OWN }, call = { .length = OWN };
	int length = length_now();

	wl_check(length > 16);
	wl_fill(&want, sizeof(want), 7);
	memset(want.ffr, 0, sizeof(want.ffr)); /* as it can only be: ones, then zeroes */
	want.ffr[0] = 0x7f;
	wl_try(pipe(fds));
	wl_check_eq(pthread_create(&system.thread, NULL, running, &system), 0);
	wl_check_eq(pthread_create(&own.thread, NULL, running, &own), 0);
	wl_check_eq(pthread_create(&call.thread, NULL, calling, &call), 0);
	while (!system.word || !own.word || !__atomic_load_n(&call.tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	wl_await_call(call.tid, SYS_read);
	wl_ready_and_wait();
	check(&system, length);
	check(&own, OWN);
	wl_check_eq(write(fds[1], "x", 1), 1);
	wl_check_eq(pthread_join(call.thread, NULL), 0);
	wl_check_eq(call.now, OWN);
	wl_check_eq(length_now(), length);
	wl_pass();
}
