/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a thread's list of robust futexes: set_robust_list(2) for 64-bit entries, and a list
 * of its own for what 32-bit code registers, which only the 32-bit entry reads or sets. The image
 * has room for one; a thread has the one of its mode. The list itself is memory.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define HEAD_SIZE	      24
#define HEAD_SIZE_IA32	      12
#define NR_set_robust_list_32 311
#define NR_get_robust_list_32 312

struct robust_reads {
	uint64_t head, len; /* area offsets of 32-bit words */
	call_id call;
};

static int collect_ia32(struct dump_thread *th)
{
	struct robust_reads *reads = arena_new(dump_arena(th->task->dump), struct robust_reads);

	reads->head = area_reserve(th->prog->area, 4);
	reads->len = area_reserve(th->prog->area, 4);
	program_note(th->prog, "the robust list");
	reads->call = program_op(th->prog, AGENT_SYSCALL32, NR_get_robust_list_32, IMM(0),
				 AREA(reads->head), AREA(reads->len));
	th->priv[SLOT_ROBUST] = reads;
	return 0;
}

static int collect_thread(struct dump_thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	uint64_t head = 0;
	size_t len = 0;

	if (regs_compat(&th->stop->regs))
		return collect_ia32(th);
	if (syscall(SYS_get_robust_list, th->stop->tid, &head, &len) < 0) {
		if (errno == ENOSYS) /* no CONFIG_FUTEX: nobody can have registered one */
			return 0;
		return err_sys(dump_err(th->task->dump), "get_robust_list",
			       "can't read the robust futex list of thread %d", th->vtid);
	}
	tc->futex_rla = head;
	tc->futex_rla_len = head ? len : 0;
	return 0;
}

static int absorb_thread(struct dump_thread *th)
{
	struct robust_reads *reads = state_priv(th, SLOT_ROBUST, struct robust_reads);
	ThreadCoreEntry *tc = th->core->thread_core;

	if (!reads || program_result(th->prog, reads->call) < 0)
		return 0;
	tc->futex_rla = *(uint32_t *)area_data(th->prog->area, reads->head);
	tc->futex_rla_len = tc->futex_rla ? *(uint32_t *)area_data(th->prog->area, reads->len) : 0;
	return 0;
}

static int check(struct restore_task *t)
{
	if (t->zombie || t->helper)
		return 0;
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;
		uint32_t size = cpu_compat(t->threads[i].core) ? HEAD_SIZE_IA32 : HEAD_SIZE;

		if (tc->futex_rla && tc->futex_rla_len != size)
			return image_bad(
				t, IMAGE_CORE, t->threads[i].vtid,
				"the robust futex list of thread %d has a head of %u bytes",
				t->threads[i].vtid, tc->futex_rla_len);
	}
	return 0;
}

/* Also where there is none: the tool's own C library has registered one of its own. */
static int emit_thread(struct restore_thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	bool compat = cpu_compat(th->core);
	uint64_t native = compat ? 0 : tc->futex_rla;

	program_stage(th->prog, STAGE_THREAD);
	program_note(th->prog, "robust list of thread %d", th->vtid);
	program_call(th->prog, SYS_set_robust_list, IMM(native), IMM(HEAD_SIZE));
	if (compat && tc->futex_rla)
		program_must(th->prog, program_op(th->prog, AGENT_SYSCALL32, NR_set_robust_list_32,
						  IMM(tc->futex_rla), IMM(HEAD_SIZE_IA32)));
	return 0;
}

const struct state_class robust_state = {
	.name = "robust list",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit_thread = emit_thread,
};
