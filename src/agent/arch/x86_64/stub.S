/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first foothold in a stopped process: one system call, made by a thread whose registers the
 * tool has set, with the tool waiting at its exit. It lies in unused bytes of an executable
 * mapping (task/infect.c). The code after the call runs only if the tool was killed meanwhile: it
 * puts the thread's signal mask and registers back, so that the program goes on.
 * Behind the code, the tool fills in struct agent_stub_data (agent/blob.h).
 */
	.text
stub:
	syscall
	mov	$2, %edi		/* SIG_SETMASK */
	lea	mask(%rip), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	mov	$14, %eax		/* rt_sigprocmask */
	syscall
	mov	regs + 0(%rip), %r15
	mov	regs + 8(%rip), %r14
	mov	regs + 16(%rip), %r13
	mov	regs + 24(%rip), %r12
	mov	regs + 32(%rip), %rbp
	mov	regs + 40(%rip), %rbx
	mov	regs + 48(%rip), %r11
	mov	regs + 56(%rip), %r10
	mov	regs + 64(%rip), %r9
	mov	regs + 72(%rip), %r8
	mov	regs + 80(%rip), %rax
	mov	regs + 88(%rip), %rcx
	mov	regs + 96(%rip), %rdx
	mov	regs + 104(%rip), %rsi
	mov	regs + 112(%rip), %rdi
	lea	regs + 120(%rip), %rsp
	iretq
	.balign	8
/* struct agent_stub_data */
regs:	.fill	20, 8, 0
mask:	.quad	0
	.section .note.GNU-stack, "", @progbits
