/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: the general registers, flags, the vector registers with their control and status, and
 * the thread pointer hold a pattern over the freeze, of a thread that runs in its program and of
 * one that waits in a system call (which gives its result in x0).
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64
 *	wl: cycles  3
 */
#define _GNU_SOURCE
#include "freeze.h"

#include <sys/syscall.h>
#include <unistd.h>

#define GENERAL 29 /* x29 and x30 are what the code itself uses */
#define VECTORS 32
#define FLAGS	0x60000000u /* Z and C: of a comparison of what is equal */
#define FPCR	0x00c00000u /* rounds towards zero */
#define FPSR	0x0800000fu

struct registers {
	uint64_t general[GENERAL];
	uint64_t flags, fpcr, fpsr;
	unsigned char vectors[VECTORS][16] __attribute__((aligned(16)));
};

struct registers want, got_running, got_calling;
void run(void), call(void);

/* save: what the C code wants to find again; set: everything out of "want"; get: into \to. */
__asm__(".macro save\n"
	"stp x29, x30, [sp, #-160]!\n"
	"stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]\n"
	"stp x25, x26, [sp, #64]; stp x27, x28, [sp, #80]\n"
	"stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]\n"
	".endm\n"
	".macro set\n"
	"adrp x29, want; add x29, x29, :lo12:want\n"
	"ldr x30, [x29, #29*8+8]; msr fpcr, x30\n"
	"ldr x30, [x29, #29*8+16]; msr fpsr, x30\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28\n"
	"ldr x\\n, [x29, #8*\\n]\n"
	".endr\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
	"30,31\n"
	"ldr q\\n, [x29, #256+16*\\n]\n"
	".endr\n"
	"cmp x9, x9\n"
	".endm\n"
	".macro get to\n"
	"adrp x29, \\to; add x29, x29, :lo12:\\to\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28\n"
	"str x\\n, [x29, #8*\\n]\n"
	".endr\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
	"30,31\n"
	"str q\\n, [x29, #256+16*\\n]\n"
	".endr\n"
	"mrs x30, nzcv; str x30, [x29, #29*8]\n"
	"mrs x30, fpcr; str x30, [x29, #29*8+8]\n"
	"mrs x30, fpsr; str x30, [x29, #29*8+16]\n"
	"msr fpcr, xzr; msr fpsr, xzr\n"
	"ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]; ldp x23, x24, [sp, #48]\n"
	"ldp x25, x26, [sp, #64]; ldp x27, x28, [sp, #80]\n"
	"ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]\n"
	"ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]\n"
	"ldp x29, x30, [sp], #160\n"
	"ret\n"
	".endm\n"
	".text\n"
	".globl run\n"
	"run:\n"
	"save\n"
	"set\n"
	"adrp x29, freeze_running; mov w30, #1; str w30, [x29, :lo12:freeze_running]\n"
	"adrp x29, freeze_stop; add x29, x29, :lo12:freeze_stop\n"
	"1: yield; ldr w30, [x29]; cbz w30, 1b\n"
	"get got_running\n"
	".globl call\n"
	"call:\n"
	"save\n"
	"set\n" /* x0, x1, x2 and x8 are there already */
	"svc #0\n"
	"get got_calling\n");

static int fds[2];
static char byte;

static void prepare(void)
{
	wl_fill(want.general, sizeof(want.general), 3);
	want.general[0] = fds[0]; /* read(fds[0], &byte, 1) */
	want.general[1] = (uintptr_t)&byte;
	want.general[2] = 1;
	want.general[8] = SYS_read;
	want.flags = FLAGS;
	want.fpcr = FPCR;
	want.fpsr = FPSR;
	wl_fill(want.vectors, sizeof(want.vectors), 4);
}

static void compare(const char *who, const struct registers *got, uint64_t x0)
{
	for (int i = 0; i < GENERAL; i++)
		if (got->general[i] != (i ? want.general[i] : x0))
			wl_fail("%s: x%d has changed to %#llx", who, i,
				(unsigned long long)got->general[i]);
	for (int i = 0; i < VECTORS; i++)
		if (memcmp(got->vectors[i], want.vectors[i], 16))
			wl_fail("%s: v%d has changed", who, i);
	wl_check_eq(got->flags, want.flags);
	wl_check_eq(got->fpcr, want.fpcr);
	wl_check_eq(got->fpsr, want.fpsr);
}

static void *calling(void *tid)
{
	void *pointer = __builtin_thread_pointer();

	__atomic_store_n((pid_t *)tid, gettid(), __ATOMIC_SEQ_CST);
	call();
	wl_check(pointer == __builtin_thread_pointer());
	return NULL;
}

_Static_assert(offsetof(struct registers, vectors) == 256, "the assembly knows the places");

int main(void)
{
	pthread_t thread;
	pid_t tid = 0;

	wl_try(pipe(fds));
	prepare();
	wl_check_eq(pthread_create(&thread, NULL, calling, &tid), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	wl_await_call(tid, SYS_read);
	freeze_over(run);
	wl_check_eq(write(fds[1], "x", 1), 1);
	wl_check_eq(pthread_join(thread, NULL), 0);
	compare("in the program", &got_running, fds[0]);
	compare("in a system call", &got_calling, 1);
	wl_check_eq(byte, 'x');
	wl_pass();
}
