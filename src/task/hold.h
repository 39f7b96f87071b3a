/* SPDX-License-Identifier: Apache-2.0 */
/* Of the freeze: the threads of one process. */
#ifndef TASK_HOLD_H
#define TASK_HOLD_H

#include "task/tree.h"

/* Holds all threads of a process, or finds out that it is a zombie. -ESRCH: it has vanished. */
int hold_threads(struct tree_stop *tree, struct proc_stop *p, struct err *err);
/* Is it none of the program's (proc_stat_works_for_kernel())? It could be seized, and would never
 * stop. Threads of C libraries are told by their robust lists at once, others by /proc. */
bool thread_is_kernels(const struct proc *leader, pid_t tid);
/* Every loop of the freeze asks before its next round: -ETIMEDOUT after the tree's timeout, -EINTR
 * when the tool is to end. */
int freeze_in_time(const struct tree_stop *tree, struct err *err);
/* When that is (monotonic_ns()); 0: no timeout. */
uint64_t freeze_ends(const struct tree_stop *tree);
/* A thread that was seized, wherever it stands, goes on with the signal that it reports, if any. */
void thread_let_go(struct tree_stop *tree, struct thread_stop *t);

#endif
