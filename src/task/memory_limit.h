/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which control group has too little memory. Where a group's limit is met, the kernel ends one of
 * its tasks, or a call fails with ENOMEM; neither says that it was a group's, nor which one's.
 */
#ifndef TASK_MEMORY_LIMIT_H
#define TASK_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* The group of this process, or the lowest above it, whose tasks the kernel has ended for want of
 * memory: "the cgroup /… allows N bytes (memory.max), for which …". False: there is none. */
bool memory_limit_killed(pid_t pid, char *buf, size_t size);
/* The same of one that is all but full now. */
bool memory_limit_full(pid_t pid, char *buf, size_t size);
/* Adds it to an error that says ENOMEM. */
void memory_limit_explain(struct err *err);

#endif
