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
 * A call that was interrupted is made again, unless a handler has run meanwhile: then pause(2) and its
 * like, which the kernel restarts only without one (ERESTARTNOHAND), have to return EINTR. Two things take
 * care of that:
 *  - While the tool changes a thread's mask, the thread stands at "wait" with its own registers, as if
 *    the call were the two bytes before. Should the tool die, the kernel itself either steps back to
 *    these, which lead to the restart, or runs a handler and comes to "wait" with EINTR.
 *  - Where signals have been blocked, ppoll with the thread's mask and no time to wait runs the
 *    handlers of what is pending, and says by EINTR that it did.
 *
 * A thread of a tree that is being restored also asks, at "decide", whether that tree is to live: a word
 * that all of its tasks share says so. The tool may be killed while it unties one task after the other from
 * its own life; those that are untied already end here then, as the kernel ends the others, or all go
 * on. One that is to be stopped stops itself here.
 *
 * Behind the code, the tool fills in struct agent_stub_data (agent/blob.h), which also names the
 * offsets below.
 */
#define EINTR_ 4

	.text
stub:
	syscall
	jmp	again		/* AGENT_STUB_OUT, 2: two bytes */
far:	ljmpl	*far_to(%rip)	/* AGENT_STUB_FAR, 4: six bytes */
far2:	ljmpl	*far_over(%rip)	/* AGENT_STUB_FAR_OVER, 10: six bytes */
	jmp	again		/* 16: two bytes, as many as a system call's instruction has */
	jmp	over		/* AGENT_STUB_WAIT, 18: "wait" */
again:
	lea	restart(%rip), %rbx
	jmp	decide
over:
	lea	finish(%rip), %rbx
decide:
	mov	word(%rip), %rax
	test	%rax, %rax
	je	decided
	cmpl	$0, (%rax)
	jne	decided
	mov	$1, %edi
	mov	$231, %eax		/* exit_group */
	syscall
	ud2
decided:
	cmpl	$0, stop(%rip)
	je	go
	mov	$39, %eax		/* getpid */
	syscall
	mov	%eax, %edi
	mov	stop(%rip), %esi
	mov	$62, %eax		/* kill */
	syscall
go:	jmp	*%rbx
restart:
	lea	with_restart(%rip), %rbx
	cmpl	$0, probe(%rip)
	je	common
	mov	regs + 144(%rip), %rsp
	xor	%edi, %edi
	xor	%esi, %esi
	lea	no_time(%rip), %rdx
	lea	mask(%rip), %r10
	mov	$8, %r8d
	mov	$271, %eax		/* ppoll */
	syscall
	cmp	$-EINTR_, %rax
	jne	common
finish:
	lea	with_result(%rip), %rbx
common:
	lea	regs + 136(%rip), %rsp
	popfq
	mov	regs + 144(%rip), %rsp
	mov	regs + 0(%rip), %r15
	mov	regs + 8(%rip), %r14
	mov	regs + 16(%rip), %r13
	mov	regs + 24(%rip), %r12
	mov	regs + 32(%rip), %rbp
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
	mov	regs + 88(%rip), %rcx
	mov	regs + 96(%rip), %rdx
	mov	regs + 104(%rip), %rsi
	mov	regs + 112(%rip), %rdi
	jmp	*%rbx
with_restart:
	mov	regs + 40(%rip), %rbx
	mov	regs + 80(%rip), %rax
	jmp	*jump(%rip)
with_result:
	mov	regs + 40(%rip), %rbx
	mov	result(%rip), %rax
	jmp	*result_jump(%rip)
	.balign	8
/* struct agent_stub_data */
regs:	.fill	20, 8, 0
mask:	.quad	0
jump:	.quad	0
far_to:	.quad	0
far_over:
	.quad	0
result:	.quad	0
result_jump:
	.quad	0
no_time:
	.quad	0, 0
probe:	.quad	0
word:	.quad	0
stop:	.quad	0
	.section .note.GNU-stack, "", @progbits
