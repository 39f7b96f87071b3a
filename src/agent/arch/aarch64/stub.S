/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into and out of a process, one a thread.
 *
 * In: one system call, made by a thread whose registers the tool has set, with the tool waiting at
 * its exit. Out: a thread whose tool was killed puts its own signal mask and registers back, so
 * that the program goes on.
 *
 * On this processor no instruction can go to any place without a register that holds it, so the kernel
 * has to: by rt_sigreturn(2), which puts the mask and all registers back at once, from a signal frame
 * that lies behind this code. The frame is found by the stack pointer, and no handler must run while
 * that leads to it: all signals are blocked before.
 *
 * The frame is read only. It holds the vector registers, too, as the kernel insists.
 *
 * A call that was interrupted is made again. (Should the tool be killed in the middle of a visit, and a
 * handler run before the thread has come out of it, then a call that only goes on when there is none,
 * such as ppoll(2), goes on all the same.)
 *
 * A thread of a tree that is being restored also asks, at "decide", whether that tree is to live: a word
 * that all of its tasks share says so. The tool may be killed while it unties one task after the other from
 * its own life; those that are untied already end here then, as the kernel ends the others, or all go
 * on. One that is to be stopped stops itself here.
 *
 * Behind the code, the tool fills in struct agent_stub_data (regs.h).
 */
#define SYS_exit_group	   94
#define SYS_kill	   129
#define SYS_rt_sigprocmask 135
#define SYS_rt_sigreturn   139
#define SYS_getpid	   172
#define SIG_SETMASK	   2
#define SIGINFO_SIZE	   128

	.text
stub:
	svc	#0
decide:				/* AGENT_STUB_OUT, AGENT_STUB_WAIT: 4 */
	ldr	x0, word
	cbz	x0, decided
	ldr	w0, [x0]
	cbnz	w0, decided
	mov	x0, #1
	mov	x8, #SYS_exit_group
	svc	#0
decided:
	ldr	x1, stop
	cbz	x1, go
	mov	x8, #SYS_getpid
	svc	#0
	ldr	x1, stop
	mov	x8, #SYS_kill
	svc	#0
go:
	mov	x0, #SIG_SETMASK
	adr	x1, all
	mov	x2, #0
	mov	x3, #8
	mov	x8, #SYS_rt_sigprocmask
	svc	#0
	adr	x0, frame
	sub	sp, x0, #SIGINFO_SIZE
	mov	x8, #SYS_rt_sigreturn
	svc	#0
	brk	#0
	.balign	16
/* struct agent_stub_data */
word:	.quad	0
stop:	.quad	0
all:	.quad	0
	.quad	0
frame:	.fill	(304 - 128 + 288 + 528 + 16) / 8, 8, 0
	.section .note.GNU-stack, "", %progbits
