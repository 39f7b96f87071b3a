/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_64: general registers, TLS slots of the GDT. Extended state: fpu_x86_64.c.
 */
#include <asm/ldt.h>
#include <errno.h>
#include <sys/ptrace.h>

#include "kernel/ptrace.h"
#include "kernel/tracer.h"
#include "objects/process/core.h"
#include "objects/process/process.h"

#define ERESTART_RESTARTBLOCK 516
#define TLS_SLOTS	      3
#define TLS_FIRST	      12

/* The thread is in restart_syscall(2), for which the restored thread won't have what it needs.
 * Where the call behind it is not known, it ends at once as all of these calls may: its time is up,
 * or for futex(2) it woke for no reason. */
static void unhide_call(struct dump_thread *th, struct cpu_regs *regs)
{
	struct arena *a = dump_arena(th->task->dump);
	bool before = !regs_restarts(regs);

	if (th->stop->restart_nr) {
		regs->r.orig_rax = th->stop->restart_nr;
		if (before)
			regs->r.rax = th->stop->restart_nr;
		th->extra->has_restart_call = true;
		th->extra->restart_call = th->stop->restart_nr;
		return;
	}
	regs->r.rax = 0;
	regs->r.orig_rax = -1;
	regs->r.rip += before ? 2 : 0;
	task_warn(
		th->task, arena_printf(a, "thread %d", th->vtid),
		"waits in restart_syscall(2) for a call with a time limit, and which one that is can't "
		"be found out; after a restore the call ends at once, with 0",
		"");
}

static void fill_gpregs(struct dump_thread *th, UserX86RegsEntry *g)
{
	struct cpu_regs regs = th->stop->regs;
	uint64_t abort_ip;

	if (regs_x32(&regs))
		task_refuse(th->task, "an x32 program",
			    "can't be kept: calls of that kind can't be made "
			    "in its name",
			    "");
	if (th->stop->in_restart)
		unhide_call(th, &regs);
	if (regs_restarts(&regs)) {
		th->extra->has_raw_orig_ax = th->extra->has_raw_ax = true;
		th->extra->raw_orig_ax = regs.r.orig_rax;
		th->extra->raw_ax = regs.r.rax;
	}
	g->orig_ax = regs.r.orig_rax;
	regs_restart(&regs, RESTART_ANEW);
	if (rseq_fixup(th, &abort_ip))
		regs_set_ip(&regs, abort_ip);
	g->r15 = regs.r.r15;
	g->r14 = regs.r.r14;
	g->r13 = regs.r.r13;
	g->r12 = regs.r.r12;
	g->bp = regs.r.rbp;
	g->bx = regs.r.rbx;
	g->r11 = regs.r.r11;
	g->r10 = regs.r.r10;
	g->r9 = regs.r.r9;
	g->r8 = regs.r.r8;
	g->ax = regs.r.rax;
	g->cx = regs.r.rcx;
	g->dx = regs.r.rdx;
	g->si = regs.r.rsi;
	g->di = regs.r.rdi;
	g->ip = regs.r.rip;
	g->cs = regs.r.cs;
	g->flags = regs.r.eflags;
	g->sp = regs.r.rsp;
	g->ss = regs.r.ss;
	g->fs_base = regs.r.fs_base;
	g->gs_base = regs.r.gs_base;
	g->ds = regs.r.ds;
	g->es = regs.r.es;
	g->fs = regs.r.fs;
	g->gs = regs.r.gs;
	/* What a 32-bit program does not have; gs_base follows from its TLS slot. */
	if (regs_compat(&regs))
		g->r8 = g->r9 = g->r10 = g->r11 = g->r12 = g->r13 = g->r14 = g->r15 = g->fs_base =
			g->gs_base = 0;
	g->has_mode = true;
	g->mode = regs_compat(&regs) ? USER_X86_REGS_MODE__COMPAT : USER_X86_REGS_MODE__NATIVE;
}

/* A kernel without 32-bit programs does not know the request: all slots are empty. */
static void read_tls(pid_t tid, int number, struct user_desc *ret)
{
	if (tracer_ptrace(PTRACE_GET_THREAD_AREA, tid, number, (uintptr_t)ret) < 0)
		*ret = (struct user_desc){ .seg_not_present = 1, .read_exec_only = 1 };
}

static int fill_tls(struct dump_thread *th, ThreadInfoX86 *info)
{
	struct arena *a = dump_arena(th->task->dump);
	struct user_desc desc[TLS_SLOTS];

	for (int i = 0; i < TLS_SLOTS; i++)
		read_tls(th->stop->tid, TLS_FIRST + i, &desc[i]);
	info->n_tls = TLS_SLOTS;
	info->tls = arena_array(a, UserDescT *, TLS_SLOTS);
	for (int i = 0; i < TLS_SLOTS; i++) {
		UserDescT *e = arena_msg(a, UserDescT, user_desc_t);

		e->entry_number = TLS_FIRST + i;
		e->base_addr = desc[i].base_addr;
		e->limit = desc[i].limit;
		e->seg_32bit = desc[i].seg_32bit;
		e->contents_h = desc[i].contents & 2;
		e->contents_l = desc[i].contents & 1;
		e->read_exec_only = desc[i].read_exec_only;
		e->limit_in_pages = desc[i].limit_in_pages;
		e->seg_not_present = desc[i].seg_not_present;
		e->usable = desc[i].useable;
		info->tls[i] = e;
	}
	return 0;
}

int cpu_collect(struct dump_thread *th)
{
	struct arena *a = dump_arena(th->task->dump);
	ThreadInfoX86 *info = arena_msg(a, ThreadInfoX86, thread_info_x86);
	int ret;

	th->core->mtype = CORE_ENTRY__MARCH__X86_64;
	th->core->thread_info = info;
	info->gpregs = arena_msg(a, UserX86RegsEntry, user_x86_regs_entry);
	fill_gpregs(th, info->gpregs);
	ret = fpu_collect(th);
	return ret < 0 ? ret : fill_tls(th, info);
}

void cpu_set_clear_tid(struct dump_thread *th, uint64_t addr)
{
	th->core->thread_info->clear_tid_addr = addr;
}

bool cpu_compat(const CoreEntry *core)
{
	const UserX86RegsEntry *g = core->thread_info ? core->thread_info->gpregs : NULL;

	return g && g->has_mode && g->mode == USER_X86_REGS_MODE__COMPAT;
}

bool cpu_is_syscall(const CoreEntry *core, const unsigned char *code)
{
	return cpu_compat(core) ? code[0] == 0xcd && code[1] == 0x80
				: code[0] == 0x0f && code[1] == 0x05;
}

void cpu_make_exit(struct arena *a, CoreEntry *core, uint64_t ip, int code)
{
	ThreadInfoX86 *info = arena_memdup(a, core->thread_info, sizeof(*info));
	UserX86RegsEntry *g = arena_memdup(a, info->gpregs, sizeof(*g));

	core->thread_info = info;
	info->gpregs = g;
	info->clear_tid_addr = 0;
	g->orig_ax = -1;
	g->ip = ip;
	g->ax = cpu_compat(core) ? 1 : 60; /* exit */
	g->bx = g->di = code;
	g->flags &= ~0x10500ul; /* RF, DF, TF */
}

uint64_t cpu_clear_tid(const struct restore_thread *th)
{
	return th->core->thread_info->clear_tid_addr;
}

/* The base that a selector of a TLS slot stands for. */
static uint64_t tls_base(const ThreadInfoX86 *info, uint64_t selector)
{
	uint64_t slot = (selector >> 3) - TLS_FIRST;

	return selector >> 3 >= TLS_FIRST && slot < info->n_tls ? info->tls[slot]->base_addr : 0;
}

static bool raw_call(const struct restore_thread *th)
{
	return th->extra && th->extra->has_raw_ax && th->extra->has_raw_orig_ax;
}

static bool with_block(const struct restore_thread *th)
{
	return (int32_t)th->extra->raw_ax == -ERESTART_RESTARTBLOCK;
}

/* In images of CRIU a call that has a restart block has answered EINTR, and so have calls that any
 * interruption ends. No signal came: they are made again. */
static void mend_answer(const struct restore_thread *th, struct cpu_regs *regs)
{
	regs->r.orig_rax = th->core->thread_info->gpregs->orig_ax;
	if (regs_mend_block(regs, th->behind)) {
		regs->r.rip -= 2;
		regs->r.orig_rax = -1;
	} else if (!regs_mend_interrupted(regs)) {
		regs->r.orig_rax = -1;
	}
}

int cpu_regs(const struct restore_thread *th, struct cpu_regs *ret, struct err *err)
{
	const ThreadInfoX86 *info = th->core->thread_info;
	const UserX86RegsEntry *g = info ? info->gpregs : NULL;

	if (!g)
		return err_set(err, ERR_IMAGE_CORRUPT, EINVAL,
			       "the core image of thread %d has no x86_64 registers", th->vtid);
	*ret = (struct cpu_regs){ .r = {
					  .r15 = g->r15,
					  .r14 = g->r14,
					  .r13 = g->r13,
					  .r12 = g->r12,
					  .rbp = g->bp,
					  .rbx = g->bx,
					  .r11 = g->r11,
					  .r10 = g->r10,
					  .r9 = g->r9,
					  .r8 = g->r8,
					  .rax = g->ax,
					  .rcx = g->cx,
					  .rdx = g->dx,
					  .rsi = g->si,
					  .rdi = g->di,
					  .orig_rax = -1,
					  .rip = g->ip,
					  .cs = g->cs,
					  .eflags = g->flags,
					  .rsp = g->sp,
					  .ss = g->ss,
					  .fs_base = g->fs_base,
					  .gs_base = g->gs_base,
					  .ds = g->ds,
					  .es = g->es,
					  .fs = g->fs,
					  .gs = g->gs,
				  } };
	if (cpu_compat(th->core)) {
		ret->r.fs_base = tls_base(info, g->fs);
		ret->r.gs_base = tls_base(info, g->gs);
	}
	/* The call as it was interrupted: the kernel restarts it, or ends it with EINTR when a
	 * handler runs first, as it would have. One with a restart block is made anew, unless the
	 * thread has a new one. */
	if (raw_call(th) && (th->goes_on || !with_block(th))) {
		ret->r.rax = th->extra->raw_ax;
		ret->r.orig_rax = th->extra->raw_orig_ax;
		ret->r.rip += 2;
	}
	if (!th->extra)
		mend_answer(th, ret);
	return 0;
}

void cpu_vectors(const struct restore_thread *th, struct cpu_vectors *ret)
{
	(void)th;
	*ret = (struct cpu_vectors){ 0 };
}

long cpu_sleep(const struct restore_thread *th, struct cpu_regs *ret)
{
	if (!raw_call(th) || !with_block(th) || cpu_regs(th, ret, NULL) < 0)
		return 0;
	return th->extra->raw_orig_ax;
}

bool cpu_hidden_call(const struct restore_thread *th, struct cpu_regs *ret)
{
	const UserX86RegsEntry *g;

	if (th->extra || cpu_regs(th, ret, NULL) < 0)
		return false;
	g = th->core->thread_info->gpregs;
	ret->r.rax = g->ax;
	ret->r.orig_rax = g->orig_ax;
	ret->r.rip = g->ip;
	return regs_block_hidden(ret);
}

/*
 * A slot is empty as the kernel shows it (so are all of a task just forked), or holds a segment of
 * a 32-bit program. PTRACE_SET_THREAD_AREA and not the register set NT_386_TLS: the task still runs
 * the agent's code of 64 bits, and the kernel shows the set of 32-bit code only
 * (task_user_regset_view).
 */
static int set_tls(pid_t tid, const struct restore_thread *th, struct err *err)
{
	const ThreadInfoX86 *info = th->core->thread_info;

	for (size_t i = 0; i < TLS_SLOTS && i < info->n_tls; i++) {
		const UserDescT *e = info->tls[i];
		struct user_desc desc = {
			.entry_number = TLS_FIRST + i,
			.base_addr = e->base_addr,
			.limit = e->limit,
			.seg_32bit = e->seg_32bit,
			.contents = (e->contents_h ? 2 : 0) | (e->contents_l ? 1 : 0),
			.read_exec_only = e->read_exec_only,
			.limit_in_pages = e->limit_in_pages,
			.seg_not_present = e->seg_not_present,
			.useable = e->usable,
		};

		if (e->seg_not_present && !e->base_addr && !e->limit)
			continue;
		if (tracer_ptrace(PTRACE_SET_THREAD_AREA, tid, TLS_FIRST + i, (uintptr_t)&desc) < 0)
			return err_sys(err, "ptrace", "can't set segment %zu of thread %d",
				       TLS_FIRST + i, tid);
	}
	return 0;
}

int cpu_set_state(pid_t tid, const struct restore_thread *th, struct err *err)
{
	int ret = set_tls(tid, th, err);

	return ret < 0 ? ret : fpu_set(tid, th, err);
}
