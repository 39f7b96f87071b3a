/* SPDX-License-Identifier: Apache-2.0 */
/* Where the ways out of a process (agent/way_out.h) lie, one a thread. */
#ifndef TASK_EXITS_H
#define TASK_EXITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/way_out.h"
#include "base/err.h"

/* Bytes that one takes, WAY_OUT_MAX at most. */
size_t exit_room(void);
/* Several in a row of pages, none of them in two: the size of the row, the place of number i. */
size_t exits_size(size_t n);
uint64_t exits_place(size_t i);

/* Points a stopped thread at the place of a way out where its mask may be changed: were the tool to
 * die now, the kernel would treat an interrupted call as it has to. */
int exit_stand(pid_t tid, const struct cpu_regs *regs, uint64_t at, struct err *err);

#endif
