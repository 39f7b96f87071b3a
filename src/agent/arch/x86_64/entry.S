/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob's first bytes. A thread enters by PTRACE_SETREGS, or by a jump, with
 *	rdi = its program's header, rsi = start of the area.
 * There is no stack yet, and the data may still be read-only: a process that forbids mappings both
 * writable and executable (PR_SET_MDWE, SELinux execmem) has the area mapped r-x at first.
 * Only general registers are used: vector and x87 state stay the program's own throughout.
 */
#include "offsets.h"

#define SYS_mprotect	10
#define SYS_getpid	39
#define SYS_gettid	186
#define SYS_tgkill	234
#define PROT_READ_WRITE 3

	.text
	.globl agent_entry
agent_entry:
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	PROG_DATA(%rbx), %rdi
	add	%r12, %rdi
	mov	PROG_DATA_LEN(%rbx), %rsi
	mov	$PROT_READ_WRITE, %edx
	mov	$SYS_mprotect, %eax
	syscall
	test	%rax, %rax
	js	stop		/* the tool sees that no call is done */
	mov	PROG_STACK(%rbx), %rsp
	add	%r12, %rsp
	and	$-16, %rsp
	cld
	mov	%rbx, %rdi
	mov	%r12, %rsi
	call	agent_run
stop:
	mov	$SYS_getpid, %eax
	syscall
	mov	%rax, %r13
	mov	$SYS_gettid, %eax
	syscall
	mov	%r13, %rdi
	mov	%rax, %rsi
	mov	PROG_STOP_SIGNO(%rbx), %rdx
	mov	$SYS_tgkill, %eax
	syscall
	/* A tracer never lets a thread come here: the tool is gone, go on with the program. */
	add	PROG_EXIT(%rbx), %r12
	jmp	*%r12

/*
 * A thread made by AGENT_THREAD begins here, on its own stack, on which its maker left the header
 * and the start of the area.
 */
	.globl agent_thread_start
	.hidden agent_thread_start
agent_thread_start:
	pop	%rdi
	pop	%rsi
	jmp	agent_entry

	.section .note.GNU-stack, "", @progbits
