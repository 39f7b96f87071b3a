/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into and out of a process, one a thread.
 *
 * In: one system call, made by a thread whose registers the tool has set, with the tool waiting at
 * its exit. Out: a thread whose tool was killed puts its own signal mask and registers back, so
 * that the program goes on.
 *
 * The moment that the mask is the program's again, a handler may run. So the stack pointer is the
 * program's before that, the flags too, and what the call itself needed comes from here afterwards
 * by moves, which leave the flags alone; no stack of ours is used. (iretq would take one, and a
 * handler that came between setting it and iretq would run on it.) Code that runs in compatibility
 * mode is reached by a far jump.
 *
 * Behind the code, the tool fills in struct agent_stub_data (agent/blob.h), which also names the
 * two offsets below.
 */
	.text
stub:
	syscall
	jmp	out		/* AGENT_STUB_OUT, 2: two bytes */
far:	ljmpl	*far_to(%rip)	/* AGENT_STUB_FAR, 4: six bytes */
out:
	lea	regs + 136(%rip), %rsp
	popfq
	mov	regs + 144(%rip), %rsp
	mov	regs + 0(%rip), %r15
	mov	regs + 8(%rip), %r14
	mov	regs + 16(%rip), %r13
	mov	regs + 24(%rip), %r12
	mov	regs + 32(%rip), %rbp
	mov	regs + 40(%rip), %rbx
	mov	regs + 64(%rip), %r9
	mov	regs + 72(%rip), %r8
	mov	$2, %edi		/* SIG_SETMASK */
	lea	mask(%rip), %rsi
	mov	$0, %edx
	mov	$8, %r10d
	mov	$14, %eax		/* rt_sigprocmask */
	syscall
	mov	regs + 48(%rip), %r11
	mov	regs + 56(%rip), %r10
	mov	regs + 80(%rip), %rax
	mov	regs + 88(%rip), %rcx
	mov	regs + 96(%rip), %rdx
	mov	regs + 104(%rip), %rsi
	mov	regs + 112(%rip), %rdi
	jmp	*jump(%rip)
	.balign	8
/* struct agent_stub_data */
regs:	.fill	20, 8, 0
mask:	.quad	0
jump:	.quad	0
far_to:	.quad	0
	.section .note.GNU-stack, "", @progbits
