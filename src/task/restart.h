/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that were frozen in restart_syscall(2): which call they are in. */
#ifndef TASK_RESTART_H
#define TASK_RESTART_H

#include "kernel/ptrace.h"
#include "task/tree.h"

/* Fills in_restart and restart_nr of all threads of a frozen tree. A thread may come nearer to its
 * program's code meanwhile (a call that ends, a signal), but not back into it. */
int restarts_resolve(struct tree_stop *tree, struct err *err);

/* freeze.c: from PTRACE_INTERRUPT to a stop that holds, with the registers and the mask taken.
 * first: a stop that has been waited for already; NULL: none. */
int thread_hold(struct tree_stop *tree, struct proc_stop *p, struct thread_stop *t,
		const struct ptrace_report *first, struct err *err);

#endif
