/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec by one thread of a process ends the others, and waits until all are gone: traced ones are
 * not before their tracer has taken notice (fs/exec.c, de_thread). Meanwhile it holds a lock that
 * PTRACE_SEIZE of another thread of that process waits for (cred_guard_mutex). So the tool takes
 * notice while it waits for a thread, and by a timer's signal while it can't return from a call.
 *
 * The same lock is held while exec reads its file, by which it may take for ever: from a server of
 * a file system that does not answer. There the signal ends the wait, when its time has come.
 */
#ifndef TASK_UNDERTAKER_H
#define TASK_UNDERTAKER_H

#include "task/tree.h"

/* Takes notice of all dead threads of p, which are marked as gone, but one. */
void bury_dead(struct proc_stop *p, pid_t but);
/* Does so every 20 ms, for one process at a time, until undertaker_rest(); of a single thread there
 * is nothing to take notice of, and it only looks whether until (monotonic_ns(); 0: no limit) is
 * past. */
void undertaker_watch(struct proc_stop *p, bool single, uint64_t until);
void undertaker_rest(void);
/* PTRACE_SEIZE, meanwhile: 0 or an errno, ETIMEDOUT after the time of undertaker_watch(). */
int undertaker_seize(pid_t tid, long options);

#endif
