/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What in a thread would see the agent's calls or be disturbed by them, for visits that are not
 * part of a dump (whose state classes look after this themselves):
 *
 *  - seccomp would judge the agent's calls: suspended (PTRACE_O_SUSPEND_SECCOMP, Linux 4.3), which
 *    ends with the tracing;
 *  - syscall user dispatch would turn them into SIGSYS: off meanwhile (Linux 6.4);
 *  - a restartable sequence that the thread is in: the kernel forgets it when it finds the thread
 *    elsewhere; the pointer to it is put back (Linux 5.13 tells where that is).
 */
#ifndef TASK_SCREEN_H
#define TASK_SCREEN_H

#include "kernel/ptrace.h"
#include "task/tree.h"

struct screen {
	struct ptrace_dispatch dispatch;
	uint64_t rseq_at, rseq_section; /* where the pointer to the section is, and the pointer */
};

/* Before the visit. confined: the thread has seccomp on. */
int screen_put(const struct proc_stop *p, const struct thread_stop *t, bool confined,
	       struct screen *ret, struct err *err);
/* After it, while the thread still stands. */
int screen_remove(const struct proc_stop *p, const struct thread_stop *t, const struct screen *s,
		  struct err *err);

#endif
