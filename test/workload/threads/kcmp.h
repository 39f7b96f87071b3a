/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): do two tasks share a kernel object? */
#ifndef WORKLOAD_THREADS_KCMP_H
#define WORKLOAD_THREADS_KCMP_H

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static inline bool kcmp_same(pid_t a, pid_t b, int type)
{
	return wl_try(syscall(SYS_kcmp, a, b, type, 0, 0)) == 0;
}

#endif
