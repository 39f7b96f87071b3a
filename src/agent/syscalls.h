/* SPDX-License-Identifier: Apache-2.0 */
/* Names and numbers of system calls. The tables are made when the tool is built
 * (arch/<a>/syscalls.sh). */
#ifndef AGENT_SYSCALLS_H
#define AGENT_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>

struct syscall_entry {
	char name[36]; /* no pointer: nothing is relocated at the start (doc/performance.md) */
	int nr;
};
extern const struct syscall_entry syscalls_native[], syscalls_compat[];
extern const size_t syscalls_native_count, syscalls_compat_count;

/* compat: of 32-bit programs. NULL: there is no call with this number, as far as is known. */
const char *syscall_name(int nr, bool compat);
/* The number, or -1. */
int syscall_number(const char *name, bool compat);
/* The known name that is nearest to a wrong one, or NULL. */
const char *syscall_nearest(const char *name, bool compat);

#endif
