/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace(2) by a thread of its own. Only the thread that has seized another may let it go, and what
 * it has seized is let go by the kernel when that thread ends, even if others of its process can't:
 * a thread that waits for the server of a file system does not end before that has answered. So
 * where there is such a server, the thread that holds the tree is one that never looks at a file.
 *
 * Without tracer_start() all of this is done by the caller, at no cost. With it, by one thread of
 * the tool only, the one that started it; processes that the tool forks do it for themselves.
 */
#ifndef KERNEL_TRACER_H
#define KERNEL_TRACER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

int tracer_start(struct err *err);
/* Runs it on the tracer's thread; its result, and errno as it left it. */
long tracer_run(long (*run)(void *arg), void *arg);
/* ptrace(2), with the C library's rules for what PTRACE_PEEK* return. */
long tracer_ptrace(int request, pid_t tid, uintptr_t addr, uintptr_t data);
/* Whom TracerPid in /proc/PID/status names. */
pid_t tracer_id(void);

#endif
