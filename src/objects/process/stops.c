/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the parent of a stopped task still has that stop to be told by wait(2). Only the parent
 * can ask: its agent calls waitid with WNOWAIT, which takes nothing away. That the child is traced
 * by the tool meanwhile does not matter: a stop of the whole group is kept apart from a tracer's
 * (kernel/exit.c, wait_task_stopped).
 *
 * A restored task that stops is reported anew, and its parent gets a SIGCHLD; the tool takes back
 * what the parent had taken (engine/restore/told.c).
 *
 * The same for a continuation that the parent has not been told of yet (WCONTINUED): the tool stops
 * such a task and continues it (engine/restore/continued.c). A stop would take a SIGCONT that is
 * pending out of the queues, though; that is kept then, and the report lost.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "objects/process/process.h"
#include "objects/registry.h"

struct stop_reads {
	call_id child; /* si_pid: 0, there is nothing to tell */
};

/* Parents come before their children, and have programs by now. */
static int collect(struct dump_task *t)
{
	struct stop_reads *reads;
	struct program *p;
	uint64_t info;

	if (t->zombie || !t->parent || !t->parent->n_threads)
		return 0;
	reads = arena_new(dump_arena(t->dump), struct stop_reads);
	p = t->parent->threads[0].prog;
	info = area_reserve(p->area, sizeof(siginfo_t));
	program_note(p, "what is to be told of task %d", t->vpid);
	program_call(p, SYS_waitid, IMM(P_PID), IMM(t->vpid), AREA(info),
		     IMM(WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | __WALL), IMM(0));
	reads->child =
		program_op(p, AGENT_LOAD, 0, AREA(info + offsetof(siginfo_t, si_pid)), IMM(4));
	t->priv[SLOT_STOPS] = reads;
	return 0;
}

static bool continue_pending(const struct dump_task *t)
{
	uint64_t pending = t->status->shd_pnd;

	for (size_t i = 0; i < t->n_threads; i++)
		pending |= t->threads[i].status->sig_pnd;
	return pending & (UINT64_C(1) << (SIGCONT - 1));
}

static int absorb(struct dump_task *t)
{
	const struct stop_reads *reads = state_priv(t, SLOT_STOPS, struct stop_reads);
	bool told;

	if (!reads)
		return 0;
	told = program_result(t->parent->threads[0].prog, reads->child) == 0;
	if (t->stop->stop_signo) {
		t->extra->has_stop_told = true;
		t->extra->stop_told = told;
	} else if (!told && continue_pending(t)) {
		task_warn(t, "its continuation",
			  "has not been told to its parent by wait(2) yet, and "
			  "won't be, since a SIGCONT is pending too",
			  "");
	} else if (!told) {
		t->extra->has_continued = true;
		t->extra->continued = true;
	}
	return 0;
}

const struct state_class stops_state = {
	.name = "stops",
	.collect = collect,
	.absorb = absorb,
};
