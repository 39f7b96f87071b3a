/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob's first bytes. A thread enters by PTRACE_SETREGSET, or by a jump, with
 *	x0 = its program's header, x1 = start of the area.
 * There is no stack yet, and the data may still be read-only: a process that forbids mappings both
 * writable and executable (PR_SET_MDWE, SELinux execmem) has the area mapped r-x at first.
 * Only general registers are used: those of vectors stay the program's own, as far as the kernel keeps
 * them over a system call.
 */
#include "offsets.h"

#define SYS_tgkill	131
#define SYS_getpid	172
#define SYS_gettid	178
#define SYS_mprotect	226
#define PROT_READ_WRITE 3

	.text
	.globl agent_entry
agent_entry:
	mov	x19, x0
	mov	x20, x1
	ldr	x0, [x19, #PROG_DATA]
	add	x0, x0, x20
	ldr	x1, [x19, #PROG_DATA_LEN]
	mov	x2, #PROT_READ_WRITE
	mov	x8, #SYS_mprotect
	svc	#0
	tbnz	x0, #63, stop		/* the tool sees that no call is done */
	ldr	x2, [x19, #PROG_STACK]
	add	x2, x2, x20
	and	sp, x2, #-16
	mov	x29, xzr
	mov	x0, x19
	mov	x1, x20
	bl	agent_run
stop:
	mov	x8, #SYS_getpid
	svc	#0
	mov	x21, x0
	mov	x8, #SYS_gettid
	svc	#0
	mov	x1, x0
	mov	x0, x21
	ldr	x2, [x19, #PROG_STOP_SIGNO]
	mov	x8, #SYS_tgkill
	svc	#0
	/* A tracer never lets a thread come here: the tool is gone, go on with the program. */
	ldr	x0, [x19, #PROG_EXIT]
	add	x16, x20, x0
	br	x16

/*
 * A thread made by AGENT_THREAD begins here, on its own stack, on which its maker left the header
 * and the start of the area.
 */
	.globl agent_thread_start
	.hidden agent_thread_start
agent_thread_start:
	ldp	x0, x1, [sp], #16
	b	agent_entry

	.section .note.GNU-stack, "", %progbits
