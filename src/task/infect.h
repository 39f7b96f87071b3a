/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs programs (agent/wire.h) inside frozen processes, and leaves them as they were.
 *
 * The visit survives the tool: at every instant between the first change to a process and the
 * last, a process whose tracer is killed goes on with its program by itself. What may then stay
 * behind is one small mapping that nobody uses.
 */
#ifndef TASK_INFECT_H
#define TASK_INFECT_H

#include <stdint.h>

#include "agent/assemble.h"
#include "base/err.h"
#include "kernel/proc/maps.h"
#include "task/tree.h"

struct visit {
	struct proc_stop *proc;
	const struct proc_areas *areas; /* its memory map: where a foothold and a hole are */
	struct area *area; /* finished by visit_run; programs[i] runs in threads[i]; there may be
			    * one program only: that of the leader, or of the first thread alive */
	/* Signals that no thread of the process blocks, has pending or handles, as a mask; a thread
	 * tells the tool by one of them that it is done. 0: any will have to do. */
	uint64_t quiet_signals;
	/* Signals that are pending for the process or for a thread of it. One of these would come
	 * before the agent has begun, and be taken for its answer. */
	uint64_t pending_signals;
	/* Called when the place of the area (addr) and the foothold (spot) are known, before any
	 * program runs: may refuse the visit, with err filled. NULL: nothing to look at. */
	int (*admit)(const struct visit *v, void *data, struct err *err);
	void *admit_data;

	/* For infect.c */
	uint64_t addr, spot, hint;
	int stop_signo;
	unsigned char *saved;
	int step;
};

/* Runs all visits, of different processes, at the same time. On return the processes are as they
 * were before; results are in the areas (agent/assemble.h). A program that stopped at a call whose
 * demand was not met is a result, not a failure of the visit: the caller looks at
 * program_failure(). After the tree's timeout threads are called back from the call that they are
 * in: -ETIMEDOUT, and the header says how many calls are done. */
int visit_run(struct tree_stop *tree, struct visit *visits, size_t n, struct err *err);

/* Threads of a process that was just frozen, which are still on their way out of the agent of a
 * tool that was killed (a stopped process can't go on by itself): their registers and masks become
 * the program's own again. */
void visit_heal(struct tree_stop *tree, struct proc_stop *p);

/* What a visit has left in a process because the tool was killed meanwhile (base/journal.h). */
struct visit_rest {
	uint64_t spot, addr, size;  /* the foothold; the area, 0: none */
	const unsigned char *saved; /* bytes of the foothold as they were; NULL: zeroes */
	size_t saved_len;
	bool home; /* of a restore: addr is the home range's start, size the area's offset in it */
	bool stub_found, area_found; /* what visit_clean() came across, and took away */
};

/* Takes it away from a frozen process. What is not provably the agent's is left alone. -EAGAIN: a
 * thread may still have to come back through the agent (a handler interrupted it). */
int visit_clean(struct tree_stop *tree, struct proc_stop *p, const struct proc_areas *areas,
		struct visit_rest *rest, struct err *err);

#endif
