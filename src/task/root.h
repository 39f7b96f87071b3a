/* SPDX-License-Identifier: Apache-2.0 */
/* Ids that name no process which could be the root of a tree are told before anything is touched.
 */
#ifndef TASK_ROOT_H
#define TASK_ROOT_H

#include <sys/types.h>

#include "base/err.h"
#include "kernel/proc/proc.h"

/* A thread that is no process, one of the kernel's, nobody. */
int root_check(pid_t pid, struct proc_buf *buf, struct err *err);
/* A process that crtools itself runs below: it would have to stop itself. */
int root_check_ourselves(pid_t pid, struct proc_buf *buf, struct err *err);

#endif
