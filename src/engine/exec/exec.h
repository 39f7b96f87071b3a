/* SPDX-License-Identifier: Apache-2.0 */
/* System calls in another process, for crtools exec: one program, one visit of one thread. */
#ifndef ENGINE_EXEC_H
#define ENGINE_EXEC_H

#include "agent/assemble.h"
#include "model/session.h"
#include "task/infect.h"

struct engine_exec {
	/* Puts the calls into the program; compat: the process is a 32-bit one, whose calls are
	 * made by AGENT_SYSCALL32. The process stands still meanwhile. */
	int (*build)(void *data, struct program *p, bool compat, struct err *err);
	void *data;

	/* Results; the area is the caller's to free, also after a failure. */
	struct area *area;
	struct program *program;
	uint64_t done; /* calls of the program that have run */
};

/* Runs a program in the first thread of s->opts->pid, whose other threads stand still meanwhile.
 * -ETIMEDOUT: the last of the calls did not return in time, and was taken back. */
int engine_exec(struct session *s, struct engine_exec *x);

/* exec/guard.c: refuses calls that would end or break the visit, or whose effect would not outlast
 * it. First by what they are, then by the addresses that they touch. */
int exec_guard_calls(const struct program *p, const struct thread_stop *t, struct err *err);
int exec_guard_addresses(const struct program *p, const struct visit *v, struct err *err);

#endif
