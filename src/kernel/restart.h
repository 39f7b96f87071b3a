/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which call a thread is in that sits in restart_syscall(2). The kernel keeps that in the thread's
 * restart block and shows it to nobody; what it shows is the name of the function that sleeps, the
 * registers of the arguments, and the program's code.
 *
 * Only calls that answer -ERESTART_RESTARTBLOCK come into question (all callers of
 * set_restart_fn()): nanosleep, clock_nanosleep with a relative time, poll, and futex(2) that waits
 * with a timeout.
 */
#ifndef KERNEL_RESTART_H
#define KERNEL_RESTART_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/regs.h"

/* Has the thread been stopped in restart_syscall(2), or just before it enters it? */
bool restart_hides_call(const struct cpu_regs *regs, int mem_fd);

/* What the kernel function that a thread sleeps in says (/proc/TID/wchan, /proc/TID/stack). */
enum restart_kind { RESTART_ANY, RESTART_SLEEP, RESTART_POLL, RESTART_FUTEX };
enum restart_kind restart_kind_of(const char *wchan);

/* The call's number; 0 if that can't be decided. mem_fd: /proc/PID/mem. */
long restart_find(const struct cpu_regs *regs, int mem_fd, enum restart_kind kind);

/*
 * The thread waits in nanosleep or clock_nanosleep (nr) for a relative time, and has given a place
 * for what is left (rmtp), where the kernel has written it at the interruption. The arguments of
 * the same call for what is left; false: there is no such place, or no such time in it.
 */
bool restart_time_left(const struct cpu_regs *regs, long nr, int mem_fd, uint64_t ret_args[6]);

#endif
