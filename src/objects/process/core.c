/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a task a task: registers, signal mask, the address that is cleared when a thread ends,
 * the end of the heap, run state, exit code of the dead. Registers and mask of a restored thread
 * are set by the engine through ptrace (engine/restore/resume.c).
 */
#include "objects/process/core.h"
#include "objects/process/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "image/constants.h"
#include "objects/registry.h"

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

struct core_reads {
	uint64_t tid_addr; /* area offset */
	call_id call, brk;
};

static int collect(struct dump_task *t)
{
	TaskCoreEntry *tc = t->core->tc;

	t->core->mtype = CPU_MARCH;
	tc->comm = arena_strdup(dump_arena(t->dump), t->stat.comm);
	tc->exit_code = t->zombie ? t->stat.exit_code : 0;
	tc->flags = t->stat.flags;
	if (t->parent && t->stat.exit_signal != SIGCHLD) {
		t->extra->has_exit_signal = true;
		t->extra->exit_signal = t->stat.exit_signal;
	}
	if (t->zombie) {
		tc->task_state = TASK_STATE_DEAD;
		zombie_collect(t);
		return 0;
	}
	tc->task_state = t->stop->stop_signo ? TASK_STATE_STOPPED : TASK_STATE_ALIVE;
	tc->blk_sigset = t->threads[0].stop->sigmask;
	if (t->stop->stop_signo) {
		tc->has_stop_signo = true;
		tc->stop_signo = t->stop->stop_signo;
	}
	return 0;
}

static int collect_thread(struct dump_thread *th)
{
	struct arena *a = dump_arena(th->task->dump);
	struct core_reads *reads = arena_new(a, struct core_reads);

	if (th != &th->task->threads[0]) {
		th->core->thread_core->has_blk_sigset = true;
		th->core->thread_core->blk_sigset = th->stop->sigmask;
	}
	reads->tid_addr = area_reserve(th->prog->area, 8);
	program_note(th->prog, "the thread's clear_child_tid address");
	reads->call =
		program_call(th->prog, SYS_prctl, IMM(PR_GET_TID_ADDRESS), AREA(reads->tid_addr));
	if (th == &th->task->threads[0]) {
		program_note(th->prog, "the end of the heap");
		reads->brk = program_call(th->prog, SYS_brk, IMM(0));
	}
	th->priv[SLOT_THREAD] = reads;
	return cpu_collect(th);
}

static int absorb_thread(struct dump_thread *th)
{
	struct core_reads *reads = state_priv(th, SLOT_THREAD, struct core_reads);

	if (program_result(th->prog, reads->call) == 0)
		cpu_set_clear_tid(th, *(uint64_t *)area_data(th->prog->area, reads->tid_addr));
	if (th == &th->task->threads[0])
		th->task->mm->mm_brk = program_result(th->prog, reads->brk);
	return 0;
}

static int emit_thread(struct restore_thread *th)
{
	program_stage(th->prog, STAGE_THREAD);
	program_note(th->prog, "clear_child_tid address");
	program_call(th->prog, SYS_set_tid_address, IMM(cpu_clear_tid(th)));
	if (!thread_leads(th)) /* threads are made without */
		return 0;
	/* The tool's own, from birth.c; by now the tree is held and ends with the tool. */
	program_note(th->prog, "parent death signal");
	program_do(th->prog, SYS_prctl, IMM(PR_SET_PDEATHSIG), IMM(0));
	return 0;
}

const struct state_class core_state = {
	.name = "core",
	.collect = collect,
	.examine = collect,
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.emit_thread = emit_thread,
};
