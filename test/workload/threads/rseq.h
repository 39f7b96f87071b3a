/* SPDX-License-Identifier: Apache-2.0 */
/* rseq(2) by hand: programs that use this run without glibc's own registration. */
#ifndef WORKLOAD_THREADS_RSEQ_H
#define WORKLOAD_THREADS_RSEQ_H

#include <linux/rseq.h>
#include <stdlib.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

/* Stands before abort handlers: part of an instruction that traps. */
#ifdef __aarch64__
#define RSEQ_MY_SIG 0xd428bc00u
#else
#define RSEQ_MY_SIG 0x53053053u
#endif

/* Before main's threads: glibc registers for each thread unless the tunable says no. */
static inline void rseq_without_libc(char **argv)
{
	if (getenv("GLIBC_TUNABLES"))
		return;
	wl_try(setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1));
	execv("/proc/self/exe", argv);
	wl_pfail("execv");
}

static inline void rseq_register(struct rseq *area)
{
	wl_try(syscall(SYS_rseq, area, sizeof(*area), 0, RSEQ_MY_SIG));
}

/* The kernel must still know this very area: a second registration says so. */
static inline void rseq_check_registered(struct rseq *area)
{
	wl_check_eq(syscall(SYS_rseq, area, sizeof(*area), 0, RSEQ_MY_SIG), -1);
	wl_check_eq(errno, EBUSY);
	/* And keeps it up to date: it writes the processor's number. */
	wl_check(area->cpu_id < 65536);
}

#endif
