/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syscall user dispatch (PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11): a thread gets SIGSYS for calls
 * made outside of one range of addresses, while a byte of its memory says so. Programs that run
 * Windows code use it.
 *
 * The agent's calls lie outside of that range. So the dispatch is switched off by ptrace (6.4)
 * while the agent is in the thread, and on again afterwards; a restored thread gets it from the
 * tool, when it has made its last call.
 */
#include <errno.h>

#include "kernel/ptrace.h"
#include "objects/process/process.h"
#include "objects/process/rseq.h"

#define DISPATCH_ON 1

struct dispatched {
	pid_t tid;
	struct ptrace_dispatch config;
};

static void switch_on(void *data)
{
	const struct dispatched *thread = data;

	ptrace_set_dispatch(thread->tid, &thread->config, NULL);
}

static int collect_thread(struct dump_thread *th)
{
	struct dump *d = th->task->dump;
	struct dispatched *thread;
	struct ptrace_dispatch config, off = { 0 };
	int ret;

	/* A kernel before 6.4 can't tell. */
	if (ptrace_get_dispatch(th->stop->tid, &config, NULL) < 0 || config.mode != DISPATCH_ON)
		return 0;
	th->extra->has_dispatch_selector = true;
	th->extra->dispatch_selector = config.selector;
	th->extra->has_dispatch_offset = th->extra->has_dispatch_len = true;
	th->extra->dispatch_offset = config.offset;
	th->extra->dispatch_len = config.len;
	thread = arena_new(dump_arena(d), struct dispatched);
	*thread = (struct dispatched){ th->stop->tid, config };
	ret = ptrace_set_dispatch(thread->tid, &off, NULL);
	if (ret < 0)
		return err_set(dump_err(d), ERR_KERNEL, -ret,
			       "can't suspend the syscall user dispatch of thread %d", th->vtid);
	undo_push(&d->s->undo, switch_on, thread);
	return 0;
}

static int absorb_thread(struct dump_thread *th)
{
	const CrtoolsThreadEntry *e = th->extra;
	struct ptrace_dispatch config = { DISPATCH_ON, e->dispatch_selector, e->dispatch_offset,
					  e->dispatch_len };
	int ret;

	if (!e->has_dispatch_selector)
		return 0;
	ret = ptrace_set_dispatch(th->stop->tid, &config, NULL);
	return ret < 0 ? err_set(dump_err(th->task->dump), ERR_KERNEL, -ret,
				 "can't switch the syscall user dispatch of thread %d on again",
				 th->vtid)
		       : 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static int check(struct restore_task *t)
{
	for (size_t i = 0; !t->zombie && !t->helper && i < t->n_threads; i++)
		if (t->threads[i].extra && t->threads[i].extra->has_dispatch_selector)
			restored_need(
				t->r, t->vpid, FEATURE_SYSCALL_USER_DISPATCH,
				arena_printf(restore_arena(t->r), "thread %d", t->threads[i].vtid),
				"has its system calls dispatched (syscall user dispatch), which "
				"this kernel lets nobody set from outside");
	return 0;
}

static int dispatch_finish(const struct restore_thread *th, pid_t tid, struct err *err)
{
	const CrtoolsThreadEntry *e = th->extra;
	struct ptrace_dispatch config;
	int ret;

	if (!e || !e->has_dispatch_selector)
		return 0;
	config = (struct ptrace_dispatch){ DISPATCH_ON, e->dispatch_selector, e->dispatch_offset,
					   e->dispatch_len };
	ret = ptrace_set_dispatch(tid, &config, NULL);
	return ret < 0 ? err_set(err, ERR_KERNEL, -ret,
				 "can't set the syscall user dispatch of thread %d", th->vtid)
		       : 0;
}

int process_finish_thread(const struct restore_thread *th, pid_t tid, struct err *err)
{
	int ret = rseq_finish(th, tid, err);

	return ret < 0 ? ret : dispatch_finish(th, tid, err);
}

const struct state_class dispatch_state = {
	.name = "syscall user dispatch",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
};
