/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: general registers, FP/SIMD, TPIDR_EL0, keys of pointer authentication.
 *
 * A call that waits to be restarted is in the image as the program would make it anew, which is how
 * CRIU has it; how the kernel had answered it is in our own.
 *
 * The vectors of SVE go to our own image, as ptrace has them, where a thread has more in them than
 * FP/SIMD or has chosen their length. So does what fpu_aarch64.c is there for.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "kernel/code_aarch64.h"
#include "kernel/ptrace.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/process/regsets_aarch64.h"

#define ERESTART_RESTARTBLOCK 516
#define N_REGS		      31
#define N_VREGS		      64 /* words of 64 bits */
#define SYSCALL_LENGTH	      4
#define PSTATE_FLAGS	      UINT64_C(0xf0000000)

#ifndef NT_ARM_PACA_KEYS
#define NT_ARM_PACA_KEYS 0x407
#endif
#ifndef NT_ARM_PACG_KEYS
#define NT_ARM_PACG_KEYS 0x408
#endif
#define NT_ARM_SVE_		 0x405
#define NT_ARM_PAC_ENABLED_KEYS_ 0x40a

/* struct user_pac_address_keys and user_pac_generic_keys of the kernel. */
struct address_keys {
	unsigned __int128 apia, apib, apda, apdb;
};
struct generic_keys {
	unsigned __int128 apga;
};

/* --- dump ----------------------------------------------------------------------------------- */

/* The thread is in restart_syscall(2), for which the restored thread won't have what it needs.
 * Where the call behind it is not known, it ends at once as all of these calls may: its time is up,
 * or for futex(2) it woke for no reason. */
static void unhide_call(struct dump_thread *th, struct cpu_regs *regs)
{
	struct arena *a = dump_arena(th->task->dump);

	if (th->stop->restart_nr) {
		/* With a restart block: a sleep that asks for it goes on for what is left. */
		regs->call = th->stop->restart_nr;
		regs->result = -ERESTART_RESTARTBLOCK;
		regs->r.pc += SYSCALL_LENGTH;
		th->extra->has_restart_call = true;
		th->extra->restart_call = th->stop->restart_nr;
		return;
	}
	regs->r.regs[0] = 0;
	regs->r.pc += SYSCALL_LENGTH;
	task_warn(
		th->task, arena_printf(a, "thread %d", th->vtid),
		"waits in restart_syscall(2) for a call with a time limit, and which one that is can't "
		"be found out; after a restore the call ends at once, with 0",
		"");
}

static void fill_gpregs(struct dump_thread *th, UserAarch64RegsEntry *g)
{
	struct cpu_regs regs = th->stop->regs;
	uint64_t abort_ip;

	if (th->stop->in_restart)
		unhide_call(th, &regs);
	if (regs_restarts(&regs)) {
		th->extra->has_raw_orig_ax = th->extra->has_raw_ax = true;
		th->extra->raw_orig_ax = regs.call;
		th->extra->raw_ax = regs.result;
	}
	regs_restart(&regs, RESTART_ANEW);
	if (rseq_fixup(th, &abort_ip))
		regs_set_ip(&regs, abort_ip);
	g->n_regs = N_REGS;
	g->regs = arena_memdup(dump_arena(th->task->dump), regs.r.regs, N_REGS * sizeof(uint64_t));
	g->sp = regs.r.sp;
	g->pc = regs.r.pc;
	g->pstate = regs.r.pstate;
}

static void fill_fpsimd(struct dump_thread *th, UserAarch64FpsimdContextEntry *f)
{
	const struct user_fpsimd_struct *fp = &th->stop->regs.fp;

	f->n_vregs = N_VREGS;
	f->vregs = arena_memdup(dump_arena(th->task->dump), fp->vregs, sizeof(fp->vregs));
	f->fpsr = fp->fpsr;
	f->fpcr = fp->fpcr;
}

static void fill_vectors(struct dump_thread *th)
{
	const struct cpu_vectors *v = &th->stop->vectors;

	if (v->data && v->set == NT_ARM_SSVE_)
		regset_keep(th, v->set, v->data, v->len);
	th->extra->has_sve = v->data && v->set != NT_ARM_SSVE_;
	if (th->extra->has_sve)
		th->extra->sve = (ProtobufCBinaryData){ v->len, v->data };
}

#define KEY_TAKE(message, name, from)                                                              \
	((message)->name##_lo = (uint64_t)(from), (message)->name##_hi = (uint64_t)((from) >> 64))
#define KEY_PUT(message, name)                                                                     \
	((unsigned __int128)(message)->name##_hi << 64 | (message)->name##_lo)

/* Pointers that the program has signed are only good with its own keys. */
static void fill_keys(struct dump_thread *th, ThreadInfoAarch64 *info)
{
	struct arena *a = dump_arena(th->task->dump);
	pid_t tid = th->stop->tid;
	struct address_keys address;
	struct generic_keys generic;
	uint64_t enabled = 0;
	size_t len = sizeof(address), generic_len = sizeof(generic), enabled_len = sizeof(enabled);

	if (ptrace_get_regset(tid, NT_ARM_PACA_KEYS, &address, &len, NULL) == 0) {
		PacAddressKeys *k = arena_msg(a, PacAddressKeys, pac_address_keys);

		info->pac_keys = arena_msg(a, PacKeys, pac_keys);
		info->pac_keys->pac_address_keys = k;
		KEY_TAKE(k, apiakey, address.apia);
		KEY_TAKE(k, apibkey, address.apib);
		KEY_TAKE(k, apdakey, address.apda);
		KEY_TAKE(k, apdbkey, address.apdb);
		ptrace_get_regset(tid, NT_ARM_PAC_ENABLED_KEYS_, &enabled, &enabled_len, NULL);
		k->pac_enabled_key = enabled;
	}
	if (ptrace_get_regset(tid, NT_ARM_PACG_KEYS, &generic, &generic_len, NULL) == 0) {
		if (!info->pac_keys)
			info->pac_keys = arena_msg(a, PacKeys, pac_keys);
		info->pac_keys->pac_generic_keys = arena_msg(a, PacGenericKeys, pac_generic_keys);
		KEY_TAKE(info->pac_keys->pac_generic_keys, apgakey, generic.apga);
	}
}

int cpu_collect(struct dump_thread *th)
{
	struct arena *a = dump_arena(th->task->dump);
	ThreadInfoAarch64 *info = arena_msg(a, ThreadInfoAarch64, thread_info_aarch64);

	th->core->mtype = CORE_ENTRY__MARCH__AARCH64;
	th->core->ti_aarch64 = info;
	info->gpregs = arena_msg(a, UserAarch64RegsEntry, user_aarch64_regs_entry);
	info->fpsimd =
		arena_msg(a, UserAarch64FpsimdContextEntry, user_aarch64_fpsimd_context_entry);
	info->tls = th->stop->regs.tls;
	fill_gpregs(th, info->gpregs);
	fill_fpsimd(th, info->fpsimd);
	fill_vectors(th);
	fill_keys(th, info);
	return 0;
}

void cpu_set_clear_tid(struct dump_thread *th, uint64_t addr)
{
	th->core->ti_aarch64->clear_tid_addr = addr;
}

bool cpu_compat(const CoreEntry *core)
{
	(void)core;
	return false;
}

bool cpu_is_syscall(const CoreEntry *core, const unsigned char *code)
{
	uint32_t word;

	(void)core;
	memcpy(&word, code, sizeof(word));
	return word == CODE_SVC;
}

void cpu_make_exit(struct arena *a, CoreEntry *core, uint64_t ip, int code)
{
	ThreadInfoAarch64 *info = arena_memdup(a, core->ti_aarch64, sizeof(*info));
	UserAarch64RegsEntry *g = arena_memdup(a, info->gpregs, sizeof(*g));

	core->ti_aarch64 = info;
	info->gpregs = g;
	info->clear_tid_addr = 0;
	g->regs = arena_memdup(a, g->regs, N_REGS * sizeof(uint64_t));
	g->regs[0] = code;
	g->regs[8] = SYS_exit;
	g->pc = ip;
	g->pstate &= PSTATE_FLAGS;
}

/* --- restore ---------------------------------------------------------------------------------- */

uint64_t cpu_clear_tid(const struct restore_thread *th)
{
	return th->core->ti_aarch64->clear_tid_addr;
}

static bool raw_call(const struct restore_thread *th)
{
	return th->extra && th->extra->has_raw_ax && th->extra->has_raw_orig_ax;
}

static bool with_block(const struct restore_thread *th)
{
	return (int32_t)th->extra->raw_ax == -ERESTART_RESTARTBLOCK;
}

static int check_sizes(const struct restore_thread *th, struct err *err)
{
	const ThreadInfoAarch64 *info = th->core->ti_aarch64;

	if (!info || !info->gpregs || !info->fpsimd || info->gpregs->n_regs != N_REGS ||
	    info->fpsimd->n_vregs != N_VREGS)
		return err_set(
			err, ERR_IMAGE_CORRUPT, EINVAL,
			"the core image of thread %d has no aarch64 registers, or not as many "
			"as there are",
			th->vtid);
	return 0;
}

int cpu_regs(const struct restore_thread *th, struct cpu_regs *ret, struct err *err)
{
	const ThreadInfoAarch64 *info = th->core->ti_aarch64;
	int res = check_sizes(th, err);

	if (res < 0)
		return res;
	*ret = (struct cpu_regs){ .call = -1, .tls = info->tls };
	memcpy(ret->r.regs, info->gpregs->regs, sizeof(ret->r.regs));
	ret->r.sp = info->gpregs->sp;
	ret->r.pc = info->gpregs->pc;
	ret->r.pstate = info->gpregs->pstate;
	memcpy(ret->fp.vregs, info->fpsimd->vregs, sizeof(ret->fp.vregs));
	ret->fp.fpsr = info->fpsimd->fpsr;
	ret->fp.fpcr = info->fpsimd->fpcr;
	/* The call as it was interrupted: the kernel restarts it, or ends it with EINTR when a
	 * handler runs first, as it would have. One with a restart block is made anew, unless the
	 * thread has a new one. */
	if (raw_call(th) && (th->goes_on || !with_block(th))) {
		ret->call = th->extra->raw_orig_ax;
		ret->result = th->extra->raw_ax;
		ret->r.pc += SYSCALL_LENGTH;
	}
	return 0;
}

void cpu_vectors(const struct restore_thread *th, struct cpu_vectors *ret)
{
	*ret = (struct cpu_vectors){ 0 };
	if (th->extra && th->extra->has_sve)
		*ret = (struct cpu_vectors){ NT_ARM_SVE_, th->extra->sve.data, th->extra->sve.len };
	for (size_t i = 0; th->extra && i < th->extra->n_regsets; i++) {
		const CrtoolsRegset *e = th->extra->regsets[i];

		if (e->type == NT_ARM_SSVE_)
			*ret = (struct cpu_vectors){ e->type, e->data.data, e->data.len };
	}
}

long cpu_sleep(const struct restore_thread *th, struct cpu_regs *ret)
{
	if (!raw_call(th) || !with_block(th) || cpu_regs(th, ret, NULL) < 0)
		return 0;
	return th->extra->raw_orig_ax;
}

bool cpu_hidden_call(const struct restore_thread *th, struct cpu_regs *ret)
{
	(void)th;
	(void)ret;
	return false;
}

static int set_keys(pid_t tid, const PacKeys *keys, struct err *err)
{
	const PacAddressKeys *k = keys->pac_address_keys;
	const PacGenericKeys *g = keys->pac_generic_keys;
	int ret = 0;

	if (k) {
		const struct address_keys address = { KEY_PUT(k, apiakey), KEY_PUT(k, apibkey),
						      KEY_PUT(k, apdakey), KEY_PUT(k, apdbkey) };
		uint64_t enabled = k->pac_enabled_key;

		ret = ptrace_set_regset(tid, NT_ARM_PACA_KEYS, &address, sizeof(address), err);
		if (ret == 0)
			ret = ptrace_set_regset(tid, NT_ARM_PAC_ENABLED_KEYS_, &enabled,
						sizeof(enabled), err);
	}
	if (ret == 0 && g) {
		const struct generic_keys generic = { KEY_PUT(g, apgakey) };

		ret = ptrace_set_regset(tid, NT_ARM_PACG_KEYS, &generic, sizeof(generic), err);
	}
	return ret;
}

int cpu_set_state(pid_t tid, const struct restore_thread *th, struct err *err)
{
	const ThreadInfoAarch64 *info = th->core->ti_aarch64;
	struct cpu_regs regs;
	int ret = cpu_regs(th, &regs, err);

	if (ret == 0)
		ret = ptrace_set_regset(tid, NT_PRFPREG, &regs.fp, sizeof(regs.fp), err);
	if (ret == 0)
		ret = ptrace_set_regset(tid, NT_ARM_TLS, &regs.tls, sizeof(regs.tls), err);
	if (ret == 0 && info->pac_keys)
		ret = set_keys(tid, info->pac_keys, err);
	return ret < 0 ? ret : regsets_set(tid, th, err);
}
