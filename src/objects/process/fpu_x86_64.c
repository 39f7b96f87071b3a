/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_64: the extended state of a thread (x87, SSE, AVX, protection key rights, AMX tiles), and
 * what of it the process may use.
 *
 * It is read and set as one register set (kernel/xsave.h). CRIU's image holds its components by
 * name; those that it has no name for go to our own image, each with the number that the processor
 * gives it, and are not in the core image's xstate_bv, so that CRIU does not look for them.
 *
 * The tiles of AMX are large (8 KiB), so the kernel gives them on request only: a process asks once
 * (ARCH_REQ_XCOMP_PERM, Linux 5.16), for all of its threads, those to come and its children, and
 * can't give the right back. A thread gets room for them when it first uses them; the kernel
 * refuses to set tiles of one that has none (copy_uabi_to_xstate() in
 * arch/x86/kernel/fpu/xstate.c). So a restored thread that had tiles in use uses them once in its
 * program.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/cpu_x86_64.h"
#include "kernel/ptrace.h"
#include "kernel/xsave.h"
#include "objects/process/core.h"
#include "objects/process/isa_x86_64.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define ARCH_GET_XCOMP_PERM	  0x1022
#define ARCH_REQ_XCOMP_PERM	  0x1023
#define ARCH_GET_XCOMP_GUEST_PERM 0x1024
#define ARCH_REQ_XCOMP_GUEST_PERM 0x1025

/* Components that the image has a field for. */
#define PART(which) (1u << XSAVE_##which)
#define NAMED_COMPONENTS                                                                           \
	(PART(X87) | PART(SSE) | PART(YMM) | PART(BNDREG) | PART(BNDCSR) | PART(OPMASK) |          \
	 PART(ZMM) | PART(HI16) | PART(PKRU))

/* What may be used: by the process, and by guests of a virtual machine of it. */
enum { SELF, GUESTS, USERS };

static const struct {
	int get, request;
	const char *what;
} users[USERS] = {
	[SELF] = { ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM, "the right to use tiles" },
	[GUESTS] = { ARCH_GET_XCOMP_GUEST_PERM, ARCH_REQ_XCOMP_GUEST_PERM,
		     "the right of guests to use tiles" },
};

struct fpu_reads {
	uint64_t value[USERS]; /* area offsets */
	call_id call[USERS];
};

static const char *part_name(struct arena *a, unsigned int part)
{
	return arena_printf(a, "register set %u (%s)", part, cpu_x86_xfeature_name(part));
}

/* --- dump ------------------------------------------------------------------------------------- */

static uint32_t *words32(struct arena *a, const void *from, size_t bytes, size_t *ret_n)
{
	*ret_n = bytes / 4;
	return arena_memdup(a, from, bytes);
}

static uint64_t *words64(struct arena *a, const void *from, size_t bytes, size_t *ret_n)
{
	*ret_n = bytes / 8;
	return arena_memdup(a, from, bytes);
}

static void fill_xsave(struct arena *a, const unsigned char *area, size_t len, UserX86XsaveEntry *x)
{
	struct xsave_component c;

	memcpy(&x->xstate_bv, area + XSAVE_LEGACY, 8);
	x->xstate_bv &= NAMED_COMPONENTS;
#define TAKE(which, field, type)                                                                   \
	c = xsave_component(XSAVE_##which);                                                        \
	if (c.size && c.offset + c.size <= len)                                                    \
	x->field = words##type(a, area + c.offset, c.size, &x->n_##field)
	TAKE(YMM, ymmh_space, 32);
	TAKE(BNDREG, bndreg_state, 64);
	TAKE(BNDCSR, bndcsr_state, 64);
	TAKE(OPMASK, opmask_reg, 64);
	TAKE(ZMM, zmm_upper, 64);
	TAKE(HI16, hi16_zmm, 64);
	TAKE(PKRU, pkru, 32);
#undef TAKE
}

static void fill_legacy(struct arena *a, const unsigned char *area, UserX86FpregsEntry *f)
{
	uint16_t half[4];

	memcpy(half, area, sizeof(half));
	f->cwd = half[0];
	f->swd = half[1];
	f->twd = half[2];
	f->fop = half[3];
	memcpy(&f->rip, area + 8, 8);
	memcpy(&f->rdp, area + 16, 8);
	memcpy(&f->mxcsr, area + 24, 4);
	memcpy(&f->mxcsr_mask, area + 28, 4);
	f->st_space = words32(a, area + 32, 128, &f->n_st_space);
	f->xmm_space = words32(a, area + 160, 256, &f->n_xmm_space);
}

/* Of a thread that has used them only: the rest is not in xstate_bv. */
static int fill_further(struct dump_thread *th, const unsigned char *area, size_t len)
{
	struct arena *a = dump_arena(th->task->dump);
	uint64_t bv;

	memcpy(&bv, area + XSAVE_LEGACY, 8);
	bv &= ~(uint64_t)NAMED_COMPONENTS;
	for (unsigned int part = 0; bv >> part; part++) {
		CrtoolsXstate *e;
		struct xsave_component c;

		if (!(bv >> part & 1))
			continue;
		c = xsave_further(part);
		if (!c.size || c.offset + c.size > len)
			return err_set(dump_err(th->task->dump), ERR_CPU, ENOTSUP,
				       "thread %d has %s in use, which the processor does not "
				       "describe",
				       th->vtid, part_name(a, part));
		e = arena_msg(a, CrtoolsXstate, crtools_xstate);
		e->has_part = e->has_data = true;
		e->part = part;
		e->data.len = c.size;
		e->data.data = arena_memdup(a, area + c.offset, c.size);
		arena_push(a, th->extra->xstate, th->extra->n_xstate, e);
	}
	return 0;
}

int fpu_collect(struct dump_thread *th)
{
	ThreadInfoX86 *info = th->core->thread_info;
	struct arena *a = dump_arena(th->task->dump);
	_cleanup_free_ unsigned char *area = NULL;
	size_t len;
	int ret = xsave_size(th->stop->tid, &len, dump_err(th->task->dump));

	if (ret < 0)
		return ret;
	area = calloc(1, len);
	if (!area)
		return err_set(dump_err(th->task->dump), ERR_RESOURCE, ENOMEM, "no memory");
	ret = ptrace_get_regset(th->stop->tid, xsave_regset(), area, &len,
				dump_err(th->task->dump));
	if (ret < 0)
		return ret;
	info->fpregs = arena_msg(a, UserX86FpregsEntry, user_x86_fpregs_entry);
	fill_legacy(a, area, info->fpregs);
	if (len <= XSAVE_FIRST)
		return 0;
	info->fpregs->xsave = arena_msg(a, UserX86XsaveEntry, user_x86_xsave_entry);
	fill_xsave(a, area, len, info->fpregs->xsave);
	return fill_further(th, area, len);
}

static int collect_thread(struct dump_thread *th)
{
	struct program *p = th->prog;
	struct fpu_reads *reads;

	if (th != &th->task->threads[0] || !xsave_on_request())
		return 0;
	reads = arena_new(dump_arena(th->task->dump), struct fpu_reads);
	th->priv[SLOT_FPU] = reads;
	for (int i = 0; i < USERS; i++) {
		reads->value[i] = area_reserve(p->area, sizeof(uint64_t));
		program_note(p, "%s", users[i].what);
		reads->call[i] =
			program_call(p, SYS_arch_prctl, IMM(users[i].get), AREA(reads->value[i]));
	}
	return 0;
}

/* What a process may use without a request is not asked for. */
static uint64_t requested(struct dump_thread *th, int user)
{
	struct fpu_reads *reads = state_priv(th, SLOT_FPU, struct fpu_reads);

	if (program_result(th->prog, reads->call[user]) < 0)
		return 0;
	return *(uint64_t *)area_data(th->prog->area, reads->value[user]) & xsave_on_request();
}

static int absorb_thread(struct dump_thread *th)
{
	CrtoolsTaskEntry *e = th->task->extra;

	if (!th->priv[SLOT_FPU])
		return 0;
	e->xstate_requested = requested(th, SELF);
	e->has_xstate_requested = e->xstate_requested != 0;
	e->xstate_requested_guests = requested(th, GUESTS);
	e->has_xstate_requested_guests = e->xstate_requested_guests != 0;
	return 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

static void refuse_part(struct restore_task *t, unsigned int part, const char *whose)
{
	struct arena *a = restore_arena(t->r);

	restored_refuse(t, part_name(a, part),
			arena_printf(a, "is in use by %s, and this processor or kernel has it not",
				     whose),
			"restore on a machine that has it (for tiles: amx_tile in /proc/cpuinfo, "
			"Linux 5.16)");
}

static int check_thread(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	const CrtoolsThreadEntry *extra = th->extra;

	for (size_t i = 0; extra && i < extra->n_xstate; i++) {
		const CrtoolsXstate *e = extra->xstate[i];

		if (!e->has_part || !e->has_data || e->part >= 63 ||
		    (NAMED_COMPONENTS & UINT64_C(1) << e->part))
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "thread %d has a register set %u, which makes no sense",
					 th->vtid, e->part);
		if (!e->data.len || xsave_further(e->part).size != e->data.len)
			refuse_part(t, e->part,
				    arena_printf(restore_arena(t->r), "thread %d", th->vtid));
	}
	return 0;
}

/* The registers of a named part as the image has them; NULL: none. */
static const void *named_data(const UserX86XsaveEntry *x, unsigned int part, size_t *ret_len)
{
#define GIVE(which, field)                                                                         \
	case XSAVE_##which:                                                                        \
		*ret_len = x->n_##field * sizeof(x->field[0]);                                     \
		return x->field
	switch (part) {
		GIVE(YMM, ymmh_space);
		GIVE(BNDREG, bndreg_state);
		GIVE(BNDCSR, bndcsr_state);
		GIVE(OPMASK, opmask_reg);
		GIVE(ZMM, zmm_upper);
		GIVE(HI16, hi16_zmm);
	default:
		return NULL;
	}
#undef GIVE
}

/* Does anything of a named part hold more than its initial value, which is zero? Not every
 * processor notices that a part has become so again, or was never touched: the bit alone says too
 * much. The rights of protection keys always hold something; those matter to areas with keys, which
 * are judged with them. */
static bool is_live(const UserX86XsaveEntry *x, unsigned int part)
{
	const unsigned char *data;
	size_t len = 0;

	if (!(x->xstate_bv >> part & 1))
		return false;
	data = named_data(x, part, &len);
	for (size_t i = 0; data && i < len; i++)
		if (data[i])
			return true;
	return false;
}

static void check_named(struct restore_thread *th)
{
	const ThreadInfoX86 *info = th->core->thread_info;
	struct restore_task *t = th->task;
	struct arena *a = restore_arena(t->r);

	if (!info || !info->fpregs || !info->fpregs->xsave)
		return;
	for (unsigned int part = 0; part < 63; part++) {
		const char *whose;

		if (!is_live(info->fpregs->xsave, part) || xsave_component(part).size)
			continue;
		whose = arena_printf(a, "thread %d", th->vtid);
		if (t->r->s->opts->cpu_cap & CPU_CAP_FPU)
			refuse_part(t, part, whose);
		else
			restored_warn(t, part_name(a, part),
				      arena_printf(a,
						   "is in use by %s, and lost: this processor has "
						   "it not",
						   whose),
				      "");
	}
}

/* The kernel puts all registers onto it with each signal: what was room enough on a processor with
 * fewer of them ends the program with the first signal on this one. One that was too small before
 * is the program's business. */
static void check_alternate_stack(struct restore_thread *th)
{
	const ThreadSasEntry *sas = th->core->thread_core->sas;
	unsigned long least = getauxval(AT_MINSIGSTKSZ), least_then;
	struct restore_task *t = th->task;
	struct arena *a = restore_arena(t->r);
	struct cpu_x86 here;

	if (!t->r->xsave_size || !sas || sas->ss_flags & SS_DISABLE || sas->ss_size >= least)
		return;
	cpu_x86_read(&here);
	if (here.xsave_size <= t->r->xsave_size)
		return;
	least_then = least - (here.xsave_size - t->r->xsave_size);
	if (sas->ss_size < least_then || !(t->r->s->opts->cpu_cap & CPU_CAP_FPU))
		return;
	restored_refuse(t, arena_printf(a, "alternate signal stack of thread %d", th->vtid),
			arena_printf(a,
				     "has %llu bytes, and the registers of this processor take %lu "
				     "with each signal, those of the old one %lu",
				     (unsigned long long)sas->ss_size, least, least_then),
			"restore on a processor with no more register sets; --cpu-cap=ins lets the "
			"restore try");
}

/* An image of CRIU tells that there were some, and has none. */
static void check_lost(struct restore_thread *th)
{
	const ThreadInfoX86 *info = th->core->thread_info;
	uint64_t lost;

	if (th->extra || !info || !info->fpregs || !info->fpregs->xsave)
		return;
	lost = info->fpregs->xsave->xstate_bv & ~(uint64_t)NAMED_COMPONENTS;
	for (unsigned int part = 0; part < 63 && lost >> part; part++)
		if (lost >> part & 1)
			restored_refuse(th->task, part_name(restore_arena(th->task->r), part),
					arena_printf(restore_arena(th->task->r),
						     "was in use by thread %d, and these images "
						     "have not got what was in it",
						     th->vtid),
					"dump the tree with crtools, CRIU does not keep it");
}

static int check(struct restore_task *t)
{
	uint64_t missing;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = check_thread(&t->threads[i]);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		check_lost(&t->threads[i]);
		if (t->zombie || t->helper)
			continue;
		check_named(&t->threads[i]);
		check_alternate_stack(&t->threads[i]);
	}
	if (ret == 0)
		ret = isa_check(t);
	if (ret < 0 || !t->extra)
		return ret;
	missing = (t->extra->xstate_requested | t->extra->xstate_requested_guests) &
		  ~xsave_on_request();
	for (unsigned int part = 0; missing >> part; part++)
		if (missing >> part & 1)
			refuse_part(t, part, "the process");
	return 0;
}

static bool has_tiles(const struct restore_thread *th)
{
	for (size_t i = 0; th->extra && i < th->extra->n_xstate; i++)
		if (th->extra->xstate[i]->part == XSAVE_TILES)
			return true;
	return false;
}

static void request(struct program *p, int user, uint64_t parts)
{
	program_stage(p, STAGE_TASK);
	for (unsigned int part = 0; part < 64; part++) {
		if (!(parts >> part & 1))
			continue;
		program_note(p, "%s", users[user].what);
		program_do(p, SYS_arch_prctl, IMM(users[user].request), IMM(part));
	}
}

static int emit_thread(struct restore_thread *th)
{
	const CrtoolsTaskEntry *e = th->task->extra;

	if (e && thread_leads(th)) {
		request(th->prog, SELF, e->xstate_requested);
		request(th->prog, GUESTS, e->xstate_requested_guests);
	}
	if (!has_tiles(th))
		return 0;
	program_stage(th->prog, STAGE_THREAD);
	program_note(th->prog, "room for tiles");
	program_op(th->prog, AGENT_ARCH, 0, IMM(AGENT_ARCH_TILES));
	return 0;
}

static void put_xsave(const UserX86XsaveEntry *x, unsigned char *area, size_t len)
{
	uint64_t bv = PART(X87) | PART(SSE);
	struct xsave_component c;

#define PUT(which, field, type)                                                                    \
	c = xsave_component(XSAVE_##which);                                                        \
	if (c.size && (x->xstate_bv & PART(which)) && x->n_##field * sizeof(type) == c.size &&     \
	    c.offset + c.size <= len) {                                                            \
		memcpy(area + c.offset, x->field, c.size);                                         \
		bv |= PART(which);                                                                 \
	}
	PUT(YMM, ymmh_space, uint32_t)
	PUT(BNDREG, bndreg_state, uint64_t)
	PUT(BNDCSR, bndcsr_state, uint64_t)
	PUT(OPMASK, opmask_reg, uint64_t)
	PUT(ZMM, zmm_upper, uint64_t)
	PUT(HI16, hi16_zmm, uint64_t)
	PUT(PKRU, pkru, uint32_t)
#undef PUT
	memcpy(area + XSAVE_LEGACY, &bv, 8);
}

static int put_legacy(const UserX86FpregsEntry *f, unsigned char *area)
{
	uint16_t half[4] = { f->cwd, f->swd, f->twd, f->fop };

	if (f->n_st_space != 32 || f->n_xmm_space != 64)
		return -EINVAL;
	memcpy(area, half, sizeof(half));
	memcpy(area + 8, &f->rip, 8);
	memcpy(area + 16, &f->rdp, 8);
	memcpy(area + 24, &f->mxcsr, 4);
	memcpy(area + 28, &f->mxcsr_mask, 4);
	memcpy(area + 32, f->st_space, 128);
	memcpy(area + 160, f->xmm_space, 256);
	return 0;
}

static void put_further(const CrtoolsThreadEntry *extra, unsigned char *area, size_t len)
{
	uint64_t bv;

	memcpy(&bv, area + XSAVE_LEGACY, 8);
	for (size_t i = 0; extra && i < extra->n_xstate; i++) {
		const CrtoolsXstate *e = extra->xstate[i];
		struct xsave_component c = xsave_further(e->part);

		if (e->data.len != c.size || c.offset + c.size > len)
			continue; /* check() has refused it */
		memcpy(area + c.offset, e->data.data, c.size);
		bv |= UINT64_C(1) << e->part;
	}
	memcpy(area + XSAVE_LEGACY, &bv, 8);
}

int fpu_set(pid_t tid, const struct restore_thread *th, struct err *err)
{
	const UserX86FpregsEntry *f = th->core->thread_info->fpregs;
	_cleanup_free_ unsigned char *area = NULL;
	uint64_t bv = PART(X87) | PART(SSE);
	size_t len;
	int ret = xsave_size(tid, &len, err);

	if (ret < 0)
		return ret;
	area = calloc(1, len);
	if (!area)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory");
	if (put_legacy(f, area) < 0)
		return err_set(err, ERR_IMAGE_CORRUPT, EINVAL,
			       "the FPU state of thread %d has a wrong size", th->vtid);
	if (len >= XSAVE_FIRST)
		memcpy(area + XSAVE_LEGACY, &bv, 8);
	if (f->xsave && len >= XSAVE_FIRST)
		put_xsave(f->xsave, area, len);
	if (len > XSAVE_FIRST)
		put_further(th->extra, area, len);
	return ptrace_set_regset(tid, xsave_regset(), area, len, err);
}

const struct state_class fpu_state = {
	.name = "extended registers",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit_thread = emit_thread,
};
