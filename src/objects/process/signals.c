/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a process: the handlers, the queue of the process and those of its threads, the
 * alternate stacks. (Blocked signals are a register to ptrace: the engine's.)
 *
 * Queues are read with PTRACE_PEEKSIGINFO, in their order, and filled by the process itself: the
 * kernel lets a task queue any siginfo, even one that says it is from the kernel, to itself
 * (kernel/signal.c, do_rt_sigqueueinfo: the caller's own id). So the shared queue is filled by the
 * leader and each private one by its thread, while the agent has all signals blocked; a blocked
 * signal is queued even when it is ignored. Handlers are set before any thread is started, because
 * setting SIG_IGN empties the queues of that signal.
 *
 * Timers run on while the process stands. What they sent between the reading of the queue and that
 * of the timers is read afterwards, or it would be lost: such a timer counts down no more.
 *
 * A signal can be pending without an entry in a queue: the limit on queued signals was reached, or
 * memory short, when it was sent. It is delivered with the siginfo of kill(2) from process 0;
 * exactly that is queued for it.
 *
 * SIGSTOP can't be blocked, so it can't be queued without effect: see signals_stop_pending().
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "kernel/ptrace.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define N_ACTIONS      62 /* all but SIGKILL and SIGSTOP */
#define KERNEL_SIGNALS 64
#define SIGSET_SIZE    8
#define SA_KNOWN_IA32  174 /* rt_sigaction of i386 */
#define SIGINFO_SIZE   128
#define SS_FLAGS       ((1u << 31) | SS_ONSTACK | SS_DISABLE)

_Static_assert(sizeof(siginfo_t) == SIGINFO_SIZE, "the image's size of a siginfo");

#define LIBRARY_SIGNAL 32 /* SIGCANCEL of glibc; 33 is its SIGSETXID (nptl(7)) */

/* As rt_sigaction(2) has it, not as the C library does. */
struct action {
	uint64_t handler, flags, restorer, mask;
};
struct action_ia32 {
	uint32_t handler, flags, restorer, mask[2];
};

struct signal_reads {
	uint64_t actions; /* area offset, by number from 1; the leader's only */
	uint64_t stack;
	call_id stack_call;
	size_t n_shared, n_private; /* entries of the queues when they were read */
};

struct dump_signals {
	SaEntry *plain[2]; /* the default action and nothing else, of 64-bit and 32-bit tasks */
};

static bool has_action(int signo)
{
	return signo != SIGKILL && signo != SIGSTOP;
}

/* --- dump ----------------------------------------------------------------------------------- */

static void push_siginfo(struct dump *d, SignalQueueEntry *queue, siginfo_t *info)
{
	struct arena *a = dump_arena(d);
	SiginfoEntry *e = arena_msg(a, SiginfoEntry, siginfo_entry);

	/* The kernel's private mark on a timer's signal: user space never sees it, and queued again
	 * it would make an older kernel start a timer. It follows si_value. */
	if (info->si_code == SI_TIMER)
		memset((char *)&info->si_value + sizeof(info->si_value), 0, sizeof(int));
	e->siginfo.len = sizeof(*info);
	e->siginfo.data = arena_memdup(a, info, sizeof(*info));
	arena_push(a, queue->signals, queue->n_signals, e);
}

static int read_queue(struct dump_thread *th, bool shared, uint64_t pending,
		      SignalQueueEntry **ret_queue, size_t *ret_n)
{
	struct dump *d = th->task->dump;
	SignalQueueEntry *queue = arena_msg(dump_arena(d), SignalQueueEntry, signal_queue_entry);
	siginfo_t infos[32], lone;
	uint64_t off = 0;
	int n;

	/* The kernel walks the queue from its start for each signal (kernel/ptrace.c,
	 * ptrace_peek_siginfo), so tens of thousands of them take minutes. */
	do {
		n = interrupt_check(dump_err(d), "reading a signal queue");
		if (n < 0)
			return n;
		n = ptrace_peek_siginfo(th->stop->tid, shared, off, infos, 32, dump_err(d));
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (infos[i].si_signo > 0 && infos[i].si_signo <= KERNEL_SIGNALS)
				pending &= ~(UINT64_C(1) << (infos[i].si_signo - 1));
			push_siginfo(d, queue, &infos[i]);
		}
		off += n;
	} while (n > 0);
	*ret_n = off;
	for (int signo = 1; signo <= KERNEL_SIGNALS; signo++) {
		if (!(pending & (UINT64_C(1) << (signo - 1))))
			continue;
		memset(&lone, 0, sizeof(lone));
		lone.si_signo = signo;
		lone.si_code = SI_USER;
		push_siginfo(d, queue, &lone);
	}
	*ret_queue = queue;
	return 0;
}

static int read_late(struct dump_thread *th, bool shared, size_t known, SignalQueueEntry *queue)
{
	struct dump *d = th->task->dump;
	siginfo_t infos[32];
	int n;

	do {
		n = ptrace_peek_siginfo(th->stop->tid, shared, known, infos, 32, dump_err(d));
		for (int i = 0; i < n; i++)
			if (timers_had_fired(th->task, &infos[i]))
				push_siginfo(d, queue, &infos[i]);
		known += n;
	} while (n > 0);
	return n;
}

/* A tool of this format cannot tell it from a trap of its own when it restores the images. */
static void refuse_trap(struct dump_task *t, uint64_t pending)
{
	if (pending & (UINT64_C(1) << (SIGTRAP - 1)))
		task_refuse(t, "a pending SIGTRAP", "is not kept: it may be a tracer's",
			    "let the program take the signal first");
}

static int collect(struct dump_task *t)
{
	struct signal_reads *reads;
	struct program *p;

	if (t->zombie)
		return 0;
	refuse_trap(t, t->status->shd_pnd);
	p = t->threads[0].prog;
	reads = arena_new(dump_arena(t->dump), struct signal_reads);
	reads->actions = area_reserve(p->area, KERNEL_SIGNALS * sizeof(struct action));
	t->priv[SLOT_SIGNALS] = reads;
	program_note(p, "the signal handlers");
	program_do(p, SYS_rt_sigaction, IMM(1), IMM(0), AREA(reads->actions), IMM(SIGSET_SIZE));
	program_again(p, KERNEL_SIGNALS - 1, IMM(1), IMM(0), IMM(sizeof(struct action)));
	return read_queue(&t->threads[0], true, t->status->shd_pnd, &t->core->tc->signals_s,
			  &reads->n_shared);
}

static int collect_thread(struct dump_thread *th)
{
	struct signal_reads *reads = arena_new(dump_arena(th->task->dump), struct signal_reads);

	refuse_trap(th->task, th->status->sig_pnd);
	reads->stack = area_reserve(th->prog->area, sizeof(stack_t));
	program_note(th->prog, "the alternate signal stack");
	reads->stack_call = program_do(th->prog, SYS_sigaltstack, IMM(0), AREA(reads->stack));
	th->priv[SLOT_SIGNALS] = reads;
	return read_queue(th, false, th->status->sig_pnd, &th->core->thread_core->signals_p,
			  &reads->n_private);
}

/* What most signals of most tasks have: one entry for all. */
static SaEntry *plain_entry(struct dump *d, bool compat)
{
	struct dump_signals *own = d->priv[SLOT_SIGNALS];

	if (!own)
		own = d->priv[SLOT_SIGNALS] = arena_new(dump_arena(d), struct dump_signals);
	if (!own->plain[compat]) {
		own->plain[compat] = arena_msg(dump_arena(d), SaEntry, sa_entry);
		own->plain[compat]->has_compat_sigaction = compat;
		own->plain[compat]->compat_sigaction = compat;
	}
	return own->plain[compat];
}

static SaEntry *action_entry(struct dump *d, const struct action *action, bool compat)
{
	static const struct action none;
	SaEntry *e;

	if (!memcmp(action, &none, sizeof(none)))
		return plain_entry(d, compat);
	e = arena_msg(dump_arena(d), SaEntry, sa_entry);
	e->sigaction = action->handler;
	e->flags = action->flags;
	e->restorer = action->restorer;
	e->mask = action->mask;
	e->has_compat_sigaction = compat;
	e->compat_sigaction = compat;
	return e;
}

static int absorb(struct dump_task *t)
{
	struct signal_reads *reads = state_priv(t, SLOT_SIGNALS, struct signal_reads);
	const struct action *actions = area_data(t->threads[0].prog->area, reads->actions);
	bool compat = regs_compat(&t->threads[0].stop->regs);
	TaskCoreEntry *tc = t->core->tc;

	tc->sigactions = arena_array(dump_arena(t->dump), SaEntry *, N_ACTIONS);
	for (int signo = 1; signo <= KERNEL_SIGNALS; signo++)
		if (has_action(signo))
			tc->sigactions[tc->n_sigactions++] =
				action_entry(t->dump, &actions[signo - 1], compat);
	return read_late(&t->threads[0], true, reads->n_shared, tc->signals_s);
}

/* The kernel says SS_ONSTACK by the stack pointer, which was the agent's when it was asked. */
static bool on_stack(uint64_t sp, const stack_t *stack)
{
	uint64_t start = (uint64_t)stack->ss_sp;

	if (stack->ss_flags & (SS_DISABLE | (1u << 31)))
		return false;
	return sp > start && sp - start <= stack->ss_size;
}

static int absorb_thread(struct dump_thread *th)
{
	struct signal_reads *reads = state_priv(th, SLOT_SIGNALS, struct signal_reads);
	const stack_t *stack = area_data(th->prog->area, reads->stack);
	ThreadSasEntry *sas =
		arena_msg(dump_arena(th->task->dump), ThreadSasEntry, thread_sas_entry);

	sas->ss_sp = (uint64_t)stack->ss_sp;
	sas->ss_size = stack->ss_size;
	sas->ss_flags = stack->ss_flags;
	if (on_stack(regs_sp(&th->stop->regs), stack))
		sas->ss_flags |= SS_ONSTACK;
	th->core->thread_core->sas = sas;
	if (!timers_of_threads(th->task))
		return 0;
	return read_late(th, false, reads->n_private, th->core->thread_core->signals_p);
}

/* --- restore -------------------------------------------------------------------------------- */

/* What the tasks have from the tool, by which their programs need not set it. */
struct restore_signals {
	uint64_t plain; /* signals with the default action and nothing else */
};

static void read_own(struct restore *r)
{
	struct restore_signals *own = arena_new(restore_arena(r), struct restore_signals);

	r->priv[SLOT_SIGNALS] = own;
	for (int signo = 1; signo <= KERNEL_SIGNALS; signo++) {
		struct action action, none = { 0 };

		if (has_action(signo) &&
		    !syscall(SYS_rt_sigaction, signo, NULL, &action, SIGSET_SIZE) &&
		    !memcmp(&action, &none, sizeof(none)))
			own->plain |= UINT64_C(1) << (signo - 1);
	}
}

/* Of the image core-<id>. */
static int check_queue(struct restore_task *t, pid_t id, const SignalQueueEntry *queue)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *info = &queue->signals[i]->siginfo;
		int signo;

		if (info->len != SIGINFO_SIZE)
			return image_bad(t, IMAGE_CORE, id,
					 "a pending signal's siginfo has %zu bytes", info->len);
		memcpy(&signo, info->data, sizeof(signo));
		if (signo < 1 || signo > KERNEL_SIGNALS || signo == SIGKILL)
			return image_bad(t, IMAGE_CORE, id, "a pending signal has the number %d",
					 signo);
	}
	return 0;
}

static int check(struct restore_task *t)
{
	int ret;

	if (t->zombie || t->helper)
		return 0;
	if (!t->r->priv[SLOT_SIGNALS])
		read_own(t->r);
	if (t->core->tc->n_sigactions != N_ACTIONS)
		return image_bad(t, IMAGE_CORE, t->vpid, "there are %zu signal handlers, not %d",
				 t->core->tc->n_sigactions, N_ACTIONS);
	ret = check_queue(t, t->vpid, t->core->tc->signals_s);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

		ret = check_queue(t, t->threads[i].vtid, tc->signals_p);
		if (ret == 0 && tc->sas && (tc->sas->ss_flags & ~SS_FLAGS))
			ret = image_bad(t, IMAGE_CORE, t->threads[i].vtid,
					"an alternate stack has the flags 0x%x", tc->sas->ss_flags);
	}
	return ret;
}

static bool queue_has(const SignalQueueEntry *queue, int signo, int64_t timer_id)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const siginfo_t *info = (const void *)queue->signals[i]->siginfo.data;

		if (signo && info->si_signo == signo)
			return true;
		if (timer_id >= 0 && info->si_code == SI_TIMER && info->si_timerid == timer_id)
			return true;
	}
	return false;
}

static bool any_queue_has(const struct restore_task *t, int signo, int64_t timer_id)
{
	if (queue_has(t->core->tc->signals_s, signo, timer_id))
		return true;
	for (size_t i = 0; i < t->n_threads; i++)
		if (queue_has(t->threads[i].core->thread_core->signals_p, signo, timer_id))
			return true;
	return false;
}

bool signals_stop_pending(const struct restore_task *t)
{
	return !t->zombie && !t->helper && any_queue_has(t, SIGSTOP, -1);
}

bool signals_pending(const struct restore_task *t, int signo)
{
	return queue_has(t->core->tc->signals_s, signo, -1);
}

static bool is_stopped(pid_t pid)
{
	char path[32], state = '\0', text[256];
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return true; /* gone: nothing to wait for */
	if (fgets(text, sizeof(text), f)) {
		end = strrchr(text, ')');
		state = end && end[1] ? end[2] : '\0';
	}
	fclose(f);
	return state == 'T';
}

void signals_queue_stops(const struct restore_task *t,
			 pid_t (*real_tid)(const struct restore_thread *th))
{
	pid_t pid = real_tid(&t->threads[0]);

	if (!signals_stop_pending(t))
		return;
	for (int turns = 0; turns < 1000 && !is_stopped(pid); turns++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	if (queue_has(t->core->tc->signals_s, SIGSTOP, -1))
		kill(pid, SIGSTOP);
	for (size_t i = 0; i < t->n_threads; i++)
		if (queue_has(t->threads[i].core->thread_core->signals_p, SIGSTOP, -1))
			syscall(SYS_tgkill, pid, real_tid(&t->threads[i]), SIGSTOP);
}

bool signals_timer_pending(const struct restore_task *t, uint32_t timer_id)
{
	return any_queue_has(t, 0, timer_id);
}

static void put_handler(struct program *p, int signo, const SaEntry *e)
{
	struct action_ia32 small = {
		e->sigaction, e->flags, e->restorer, { e->mask, e->mask >> 32 }
	};
	struct action action = { e->sigaction, e->flags, e->restorer, e->mask };

	program_note(p, "handler of signal %d", signo);
	/* The kernel remembers by which entry a handler was set: that decides the frame's form. */
	if (e->has_compat_sigaction && e->compat_sigaction)
		program_must(p, program_op(p, AGENT_SYSCALL32, SA_KNOWN_IA32, IMM(signo),
					   AREA(area_put(p->area, &small, sizeof(small))), IMM(0),
					   IMM(SIGSET_SIZE)));
	else
		program_do(p, SYS_rt_sigaction, IMM(signo),
			   AREA(area_put(p->area, &action, sizeof(action))), IMM(0),
			   IMM(SIGSET_SIZE));
}

/* Most signals of most programs. The C library takes its own two when it makes its first thread,
 * which a task does that fills much memory. */
static bool is_plain(const struct restore_signals *own, int signo, const SaEntry *e)
{
	return signo != LIBRARY_SIGNAL && signo != LIBRARY_SIGNAL + 1 &&
	       (own->plain & (UINT64_C(1) << (signo - 1))) && !e->sigaction && !e->flags &&
	       !e->restorer && !e->mask;
}

static int emit(struct restore_task *t)
{
	const struct restore_signals *own = t->r->priv[SLOT_SIGNALS];
	struct program *p = t->threads[0].prog;
	int k = 0;

	program_stage(p, STAGE_TASK);
	for (int signo = 1; signo <= KERNEL_SIGNALS; signo++) {
		const SaEntry *e = has_action(signo) ? t->core->tc->sigactions[k++] : NULL;

		if (e && !is_plain(own, signo, e))
			put_handler(p, signo, e);
	}
	return 0;
}

static void put_queue(struct restore_thread *th, const SignalQueueEntry *queue, bool shared)
{
	struct program *p = th->prog;
	pid_t pid = th->task->vpid;

	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const siginfo_t *info = (const void *)queue->signals[i]->siginfo.data;
		uint64_t at;

		if (info->si_signo == SIGSTOP)
			continue;
		if (info->si_code == SI_TIMER && timers_fire_again(th->task, info->si_timerid))
			continue;
		at = area_put(p->area, info, SIGINFO_SIZE);
		program_note(p, "pending signal %d", info->si_signo);
		if (shared)
			program_do(p, SYS_rt_sigqueueinfo, IMM(pid), IMM(info->si_signo), AREA(at));
		else
			program_do(p, SYS_rt_tgsigqueueinfo, IMM(pid), IMM(th->vtid),
				   IMM(info->si_signo), AREA(at));
	}
}

static int emit_thread(struct restore_thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	stack_t stack = { .ss_flags = SS_DISABLE };
	struct program *p = th->prog;

	if (tc->sas) {
		stack.ss_sp = (void *)(uintptr_t)tc->sas->ss_sp;
		stack.ss_size = tc->sas->ss_size;
		stack.ss_flags = tc->sas->ss_flags;
	}
	/* Threads are made without, and so is the tool. */
	if (!(stack.ss_flags & SS_DISABLE)) {
		program_stage(p, STAGE_THREAD);
		program_note(p, "alternate signal stack of thread %d", th->vtid);
		program_do(p, SYS_sigaltstack, AREA(area_put(p->area, &stack, sizeof(stack))),
			   IMM(0));
	}
	program_stage(p, STAGE_SIGNALS);
	if (thread_leads(th))
		put_queue(th, th->task->core->tc->signals_s, true);
	put_queue(th, tc->signals_p, false);
	return 0;
}

static int examine(struct dump_task *t)
{
	if (t->zombie)
		return 0;
	refuse_trap(t, t->status->shd_pnd);
	for (size_t i = 0; i < t->n_threads; i++)
		refuse_trap(t, t->threads[i].status->sig_pnd);
	return 0;
}

const struct state_class signals_state = {
	.name = "signals",
	.collect = collect,
	.collect_thread = collect_thread,
	.examine = examine,
	.absorb = absorb,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit = emit,
	.emit_thread = emit_thread,
};
