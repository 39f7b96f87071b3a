/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the threads of a restored task wait for each other. What belongs to the whole process but
 * must come after something that each thread does (limits after queued signals, the dumpable flag
 * after the last change of credentials) is put into the leader's program behind such a point.
 *
 * The counters lie in the task's area and are zero in the image of it that is sent there.
 */
#include "objects/process/process.h"
#include "objects/registry.h"

struct meeting {
	uint64_t counter[MEETING_POINTS]; /* area offsets; 0: not reserved yet */
};

static uint64_t counter_of(struct restore_thread *th, enum meeting_point point)
{
	struct restore_task *t = th->task;
	struct meeting *m = state_priv(t, SLOT_MEETING, struct meeting);

	if (!m)
		t->priv[SLOT_MEETING] = m = arena_new(restore_arena(t->r), struct meeting);
	if (!m->counter[point])
		m->counter[point] = area_reserve(th->prog->area, sizeof(uint32_t));
	return m->counter[point];
}

void meeting_reach(struct restore_thread *th, enum meeting_point point)
{
	size_t others = th->task->n_threads - 1;

	if (!others)
		return;
	if (thread_leads(th))
		program_op(th->prog, AGENT_WAIT, 0, AREA(counter_of(th, point)), IMM(others));
	else
		program_op(th->prog, AGENT_POST, 0, AREA(counter_of(th, point)), IMM(others));
}
