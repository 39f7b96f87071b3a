/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All general registers but the stack pointer hold a pattern over the freeze, and so do the
 * bytes of the red zone below the stack pointer; the direction flag is set.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "freeze.h"

uint64_t got[16], flags;

/* Written out of C's sight: it uses rbp, rbx and the red zone as it likes. */
void loop(void);

__asm__(".text\n"
	".globl loop\n"
	"loop:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"movabs $0x1111111111111101, %rax\n"
	"movabs $0x2222222222222202, %rbx\n"
	"movabs $0x3333333333333303, %rcx\n"
	"movabs $0x4444444444444404, %rdx\n"
	"movabs $0x5555555555555505, %rsi\n"
	"movabs $0x6666666666666606, %rdi\n"
	"movabs $0x7777777777777707, %rbp\n"
	"movabs $0x8888888888888808, %r8\n"
	"movabs $0x9999999999999909, %r9\n"
	"movabs $0xaaaaaaaaaaaaaa0a, %r10\n"
	"movabs $0xbbbbbbbbbbbbbb0b, %r11\n"
	"movabs $0xcccccccccccccc0c, %r12\n"
	"movabs $0xdddddddddddddd0d, %r13\n"
	"movabs $0xeeeeeeeeeeeeee0e, %r14\n"
	"movabs $0xffffffffffffff0f, %r15\n"
	"mov %rax, -8(%rsp)\n"
	"mov %r15, -128(%rsp)\n"
	"std\n"
	"movl $1, freeze_running(%rip)\n"
	"1: pause\n"
	"cmpl $0, freeze_stop(%rip)\n"
	"je 1b\n"
	"mov %rax, got+0(%rip); mov %rbx, got+8(%rip); mov %rcx, got+16(%rip)\n"
	"mov %rdx, got+24(%rip); mov %rsi, got+32(%rip); mov %rdi, got+40(%rip)\n"
	"mov %rbp, got+48(%rip); mov %r8, got+56(%rip); mov %r9, got+64(%rip)\n"
	"mov %r10, got+72(%rip); mov %r11, got+80(%rip); mov %r12, got+88(%rip)\n"
	"mov %r13, got+96(%rip); mov %r14, got+104(%rip); mov %r15, got+112(%rip)\n"
	"cmp -8(%rsp), %rax\n"
	"jne 2f\n"
	"cmp -128(%rsp), %r15\n"
	"jne 2f\n"
	"movq $1, got+120(%rip)\n"
	"2: pushfq\n"
	"pop flags(%rip)\n"
	"cld\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

int main(void)
{
	freeze_over(loop);
	for (uint64_t i = 0; i < 15; i++)
		wl_check_eq(got[i], ((i + 1) * 0x1111111111111111u & ~UINT64_C(0xff)) | (i + 1));
	wl_check_eq(got[15], 1);
	wl_check(flags & (1 << 10));
	wl_pass();
}
