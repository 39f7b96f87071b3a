/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the folder: what its parsers share. */
#ifndef KERNEL_PROC_LIST_H
#define KERNEL_PROC_LIST_H

#include "kernel/proc/proc.h"

/* errno of a failed access to name, as an error; ENOENT of a process that has gone becomes ESRCH. */
int proc_fail(const struct proc *p, const char *call, const char *doing, const char *name,
	      struct err *err);
/* The error for text that could not be parsed: -EBADMSG. */
int proc_bad_text(const struct proc *p, const char *name, struct err *err);
/* Calls found for each entry of the directory whose name is a number, in the kernel's order. A
 * nonzero answer ends the walk and is returned. */
int proc_list_numbers(const struct proc *p, int dir, const char *name,
		      int (*found)(void *ctx, int number), void *ctx, struct err *err);

#endif
