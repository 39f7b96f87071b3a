/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread group whose leader has ended (pthread_exit in main) while other threads go on. The
 * kernel keeps it as a zombie until the last of them has ended (kernel/exit.c, delay_group_leader).
 *
 * What is the process' own has been read through a living thread by then. Images want a leader, so
 * one is made: like that thread, with no pending signal to take, nothing to clear when it ends, and
 * registers that make it call exit(2), by a system call instruction somewhere in the program's
 * code. So any tool that restores the images comes to the same state; ours lets it go first, and
 * waits for its end.
 *
 * The parent-death signal of its children is bound to the thread that forks them, which here would
 * be the leader: such children would be killed.
 */
#include "objects/process/leader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/cleanup.h"
#include "kernel/proc/task.h"
#include "kernel/ptrace.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define PIECE 65536

/* --- dump ------------------------------------------------------------------------------------- */

static bool find_in(struct dump_task *t, const struct proc_area *a, unsigned char *piece,
		    uint64_t *ret)
{
	uint64_t at = a->start;

	while (at < a->end) {
		size_t len = a->end - at < PIECE ? a->end - at : PIECE;

		if (mem_read(t->stop->mem_fd, at, piece, len) < 0)
			return false;
		for (size_t i = 0; i + CPU_SYSCALL_LENGTH <= len; i += CPU_CODE_ALIGN)
			if (cpu_is_syscall(t->threads[0].core, piece + i)) {
				*ret = at + i;
				return true;
			}
		at += len;
	}
	return false;
}

/* The program's files come before the vdso, whose code may be another one at the restore. */
static uint64_t find_syscall(struct dump_task *t)
{
	_cleanup_free_ unsigned char *piece = malloc(PIECE);
	uint64_t at = 0;

	for (int pass = 0; piece && pass < 2; pass++)
		for (size_t i = 0; i < t->areas.n; i++) {
			const struct proc_area *a = &t->areas.areas[i];

			if ((a->prot & PROT_EXEC) && !a->shared && !(a->start >> 63) &&
			    (a->path[0] == '/') == !pass && find_in(t, a, piece, &at))
				return at;
		}
	return 0;
}

static CoreEntry *make_core(struct dump_task *t, const CoreEntry *model, uint64_t at)
{
	struct arena *a = dump_arena(t->dump);
	CoreEntry *core = arena_memdup(a, model, sizeof(*model));
	ThreadCoreEntry *tc = arena_memdup(a, model->thread_core, sizeof(*tc));

	core->thread_core = tc;
	tc->comm = arena_strdup(a, t->leader.comm);
	tc->signals_p = arena_msg(a, SignalQueueEntry, signal_queue_entry);
	tc->futex_rla = 0;
	tc->futex_rla_len = 0;
	tc->rseq_entry = NULL;
	tc->sas = NULL;
	tc->has_pdeath_sig = false;
	tc->has_blk_sigset = false;
	cpu_make_exit(a, core, at, (t->leader.exit_code >> 8) & 0xff);
	return core;
}

static void put_leader(struct dump_task *t, uint64_t at)
{
	struct arena *a = dump_arena(t->dump);
	struct dump_thread *threads = arena_array(a, struct dump_thread, t->n_threads + 1);
	struct dump_thread *first = &threads[1];
	ThreadCoreEntry *tc;

	memcpy(first, t->threads, t->n_threads * sizeof(*threads));
	threads[0] = (struct dump_thread){
		.task = t, .stop = first->stop, .vtid = t->vpid, .status = first->status
	};
	threads[0].core = make_core(t, first->core, at);
	threads[0].extra = arena_memdup(a, first->extra, sizeof(*first->extra));
	threads[0].extra->tid = t->vpid;
	threads[0].extra->has_raw_ax = threads[0].extra->has_raw_orig_ax = false;
	threads[0].extra->has_restart_call = threads[0].extra->has_dispatch_selector = false;
	t->core = threads[0].core;
	/* What waits for the others must not come to it. */
	t->core->tc->blk_sigset = t->leader_mask | t->status->shd_pnd;
	t->core->tc->comm = t->core->thread_core->comm;
	first->core->tc = NULL;
	tc = first->core->thread_core;
	tc->has_blk_sigset = true;
	tc->blk_sigset = first->stop->sigmask;
	t->threads = threads;
	t->n_threads = t->pstree->n_threads = t->extra->n_threads = t->n_threads + 1;
	t->pstree->threads = arena_array(a, uint32_t, t->n_threads);
	t->extra->threads = arena_array(a, CrtoolsThreadEntry *, t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++) {
		t->pstree->threads[i] = threads[i].vtid;
		t->extra->threads[i] = threads[i].extra;
	}
	t->extra->has_leader_gone = t->extra->leader_gone = true;
}

static int absorb(struct dump_task *t)
{
	uint64_t at;

	if (t->parent && t->parent->stop->leader_gone && t->core->thread_core->pdeath_sig)
		task_refuse(
			t, "its parent-death signal",
			"would be sent at the restore: the first thread of its parent has ended",
			"");
	if (!t->stop->leader_gone)
		return 0;
	at = find_syscall(t);
	if (!at) {
		task_refuse(t, "its first thread",
			    "has ended, and nowhere in its code is a system call "
			    "by which it could end once more",
			    "");
		return 0;
	}
	put_leader(t, at);
	return 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

void leader_await_end(const struct restore_task *t)
{
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	struct proc_stat stat = { .state = 'Z' };

	if (proc_open(&proc, t->vpid, &buf, NULL) == 0)
		for (int turn = 0; turn < 10000; turn++) {
			if (proc_stat(&proc, &stat, NULL) < 0 || stat.state == 'Z')
				break;
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		}
	proc_close(&proc);
	proc_buf_free(&buf);
}

const struct state_class leader_state = {
	.name = "ended leader",
	.absorb = absorb,
};
