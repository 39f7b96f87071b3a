/* SPDX-License-Identifier: Apache-2.0 */
/* What infect.c and heal.c share: the steps of a visit, to make one and to take one back. */
#ifndef TASK_VISIT_STEPS_H
#define TASK_VISIT_STEPS_H

#include "task/infect.h"

#define PAGE 4096ul

/* MAPPING and LEAVING: the visitor has been sent into mmap, or munmap. */
enum step { STEP_NONE, STEP_SPOT, STEP_MAPPING, STEP_MAPPED, STEP_RUN, STEP_LEAVING };

/* Finds the foothold's place and saves its bytes; puts the stub there. */
int visit_find_spot(struct visit *v, struct err *err);
int visit_place_stub(struct visit *v, struct err *err);
/* One system call in a process whose foothold is in place, made by its first thread, which stands
 * at the call's exit afterwards, with all signals blocked. */
int visit_call(struct tree_stop *tree, struct visit *v, long nr, const uint64_t arg[6],
	       int64_t *ret_result, struct err *err);
/* The two halves of leaving: all threads but the visitor, whose unmapping starts; then the rest. */
int visit_start_leaving(struct tree_stop *tree, struct visit *v, struct err *err);
int visit_finish_leaving(struct tree_stop *tree, struct visit *v, struct err *err);
/* Gives a thread its mask and registers back; it blocks all signals, and stands at the way out at
 * stub. */
int visit_land(struct tree_stop *tree, struct visit *v, struct thread_stop *t, uint64_t stub,
	       struct err *err);
/* For a visit that broke off: put back by force what can be put back. */
void visit_abandon(struct visit *v);

#endif
