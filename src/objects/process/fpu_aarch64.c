/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: what a thread may have beyond the registers of the core image: vectors of SVE
 * (cpu_aarch64.c), streaming vectors, array and table of SME, the pointer that belongs to them
 * (TPIDR2), the mode of FP8 (FPMR), breakpoints and watchpoints of the processor that a debugger
 * has left, all as ptrace has them; how it may use tagged addresses, and
 * what happens if a tag is wrong. Shadow stacks (GCS) and rights of protection keys (POE) are not
 * in this version: refused where a thread has them, never lost.
 *
 * Array and table survive system calls, unlike the vectors of the streaming mode, so they are set
 * with all other state.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/class.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/process/regsets_aarch64.h"
#include "objects/registry.h"
#include "objects/restored.h"

#define HWCAP2_MTE_		 (1ul << 18)
#define NT_ARM_TLS_		 0x401
#define NT_ARM_SVE_		 0x405
#define NT_ARM_HW_BREAK_	 0x402
#define NT_ARM_HW_WATCH_	 0x403
#define NT_ARM_TAGGED_ADDR_CTRL_ 0x409
#define NT_ARM_ZA_		 0x40c
#define NT_ARM_ZT_		 0x40d
#define NT_ARM_FPMR_		 0x40e
#define NT_ARM_POE_		 0x40f
#define NT_ARM_GCS_		 0x410
#define PR_SET_TAGGED_ADDR_	 55
#define PR_SME_SET_VL_		 63
#define PR_SME_GET_VL_		 64
#define POE_INITIAL		 7u /* POR_EL0_INIT: key 0 may do all */
#define VL_INHERIT		 2u /* SVE_PT_VL_INHERIT, ZA_PT_VL_INHERIT */
#define ZT_SIZE			 64
#define TAG_CHECKS		 6u /* PR_MTE_TCF_MASK */

/* struct user_sve_header and user_za_header of the kernel. */
struct vector_header {
	uint32_t size, max_size;
	uint16_t vl, max_vl, flags, reserved;
};

/* struct user_hwdebug_state. */
#define POINTS_MAX 16
struct points {
	uint64_t info;
	struct {
		uint64_t addr;
		uint32_t control, pad;
	} point[POINTS_MAX];
};
#define POINT_ON 1u
#define POINTS_SIZE(n)                                                                             \
	(offsetof(struct points, point) + (n) * sizeof(((struct points *)0)->point[0]))

/* The kernel cuts a register set to the room that there is. */
static bool read_set(pid_t tid, int set, void *ret, size_t size)
{
	size_t len = size;

	return ptrace_get_regset(tid, set, ret, &len, NULL) == 0 && len == size;
}

static bool read_word(pid_t tid, int set, uint64_t *ret)
{
	return read_set(tid, set, ret, sizeof(*ret));
}

static void refuse(struct dump_thread *th, const char *what, const char *cure)
{
	task_refuse(th->task, arena_printf(dump_arena(th->task->dump), "thread %d", th->vtid), what,
		    cure);
}

void regset_keep(struct dump_thread *th, int type, const void *data, size_t len)
{
	struct arena *a = dump_arena(th->task->dump);
	CrtoolsRegset *e = arena_msg(a, CrtoolsRegset, crtools_regset);

	e->has_type = e->has_data = true;
	e->type = type;
	e->data = (ProtobufCBinaryData){ len, arena_memdup(a, data, len) };
	arena_push(a, th->extra->regsets, th->extra->n_regsets, e);
}

/* The array, where it is on; else its header alone, where the thread has chosen the length. */
static int collect_array(struct dump_thread *th)
{
	unsigned char table[ZT_SIZE];
	pid_t tid = th->stop->tid;
	struct vector_header h;
	_cleanup_free_ void *data = NULL;

	if (!read_set(tid, NT_ARM_ZA_, &h, sizeof(h)) ||
	    (h.size <= sizeof(h) && !(h.flags & VL_INHERIT) &&
	     h.vl == (prctl(PR_SME_GET_VL_) & PR_SVE_VL_LEN_MASK)))
		return 0;
	data = malloc(h.size);
	if (!data || !read_set(tid, NT_ARM_ZA_, data, h.size))
		return err_set(dump_err(th->task->dump), ERR_KERNEL, EIO,
			       "can't read the array of SME (%u bytes) of thread %d", h.size,
			       th->vtid);
	regset_keep(th, NT_ARM_ZA_, data, h.size);
	if (h.size > sizeof(h) && read_set(tid, NT_ARM_ZT_, table, sizeof(table)))
		regset_keep(th, NT_ARM_ZT_, table, sizeof(table));
	return 0;
}

/* Up to the last one that is on. */
static void collect_points(struct dump_thread *th, int type)
{
	struct points p = { 0 };
	size_t len = sizeof(p);

	if (ptrace_get_regset(th->stop->tid, type, &p, &len, NULL) < 0)
		return;
	for (size_t n = POINTS_MAX; n > 0; n--)
		if (p.point[n - 1].control & POINT_ON) {
			regset_keep(th, type, &p, POINTS_SIZE(n));
			return;
		}
}

/* In the streaming mode: the length that the thread has chosen for outside of it. */
static void collect_other_length(struct dump_thread *th)
{
	struct vector_header h;

	if (th->stop->vectors.set != NT_ARM_SSVE_ ||
	    !read_set(th->stop->tid, NT_ARM_SVE_, &h, sizeof(h)) ||
	    (!(h.flags & VL_INHERIT) && h.vl == (prctl(PR_SVE_GET_VL) & PR_SVE_VL_LEN_MASK)))
		return;
	h.size = sizeof(h);
	h.flags &= VL_INHERIT;
	regset_keep(th, NT_ARM_SVE_, &h, sizeof(h));
}

static int collect_thread(struct dump_thread *th)
{
	pid_t tid = th->stop->tid;
	uint64_t word, tls[2];

	if (read_word(tid, NT_ARM_GCS_, &word) && word)
		refuse(th, "has a shadow stack (GCS), which this version can't keep",
		       "run the program with glibc.cpu.aarch64_gcs=0 in GLIBC_TUNABLES");
	if (read_word(tid, NT_ARM_POE_, &word) && word != POE_INITIAL)
		refuse(th, "has rights of protection keys (POE), which this version can't keep",
		       "dump it before it has called pkey_alloc(2)");
	if (read_word(tid, NT_ARM_FPMR_, &word) && word)
		regset_keep(th, NT_ARM_FPMR_, &word, sizeof(word));
	if (read_set(tid, NT_ARM_TLS_, tls, sizeof(tls)) && tls[1])
		regset_keep(th, NT_ARM_TLS_, tls, sizeof(tls));
	if (read_word(tid, NT_ARM_TAGGED_ADDR_CTRL_, &word) && word) {
		th->extra->has_tagged_addresses = true;
		th->extra->tagged_addresses = word;
	}
	if (th == &th->task->threads[0])
		hwcaps_collect(th->task);
	collect_other_length(th);
	collect_points(th, NT_ARM_HW_BREAK_);
	collect_points(th, NT_ARM_HW_WATCH_);
	return collect_array(th);
}

/* --- restore -------------------------------------------------------------------------------- */

/* Tried with the tool's own, as nothing else tells which lengths there are. */
static bool length_possible(int get, int set, unsigned int vl)
{
	int own = prctl(get), got;

	if (own < 0)
		return false;
	got = prctl(set, vl);
	prctl(set, own);
	return got >= 0 && (unsigned int)(got & PR_SVE_VL_LEN_MASK) == vl;
}

static int bad_set(const struct restore_thread *th, int type)
{
	return image_bad(th->task, IMAGE_CRTOOLS_TASK, th->task->vpid,
			 "thread %d has a register set %#x that makes no sense", th->vtid, type);
}

static int check_vectors(struct restore_thread *th, int type, const void *data, size_t len)
{
	bool sve = type == NT_ARM_SVE_;
	struct vector_header h;

	if (len < sizeof(h))
		return bad_set(th, type);
	memcpy(&h, data, sizeof(h));
	if (h.size != len || !h.vl || h.vl % 16)
		return bad_set(th, type);
	if (!length_possible(sve ? PR_SVE_GET_VL : PR_SME_GET_VL_,
			     sve ? PR_SVE_SET_VL : PR_SME_SET_VL_, h.vl))
		restored_refuse(th->task, sve ? "vectors of SVE" : "vectors or array of SME",
				arena_printf(restore_arena(th->task->r),
					     "thread %d has some of %u bytes, a length that this "
					     "processor lacks, or this kernel",
					     th->vtid, h.vl),
				"restore where there are such");
	return 0;
}

/* What may be in an image, and the bit of AT_HWCAP2 that says that the processor has it. */
static const struct {
	int type;
	size_t size; /* 0: begins with a header that says so */
	unsigned int hwcap2;
	const char *name;
} sets[] = {
	{ NT_ARM_SSVE_, 0, 23, "streaming vectors of SME" },
	{ NT_ARM_SVE_, 0, 23, "streaming vectors of SME" }, /* the length outside of that mode */
	{ NT_ARM_ZA_, 0, 23, "the array of SME" },
	{ NT_ARM_TLS_, 16, 23, "the pointer of SME (TPIDR2)" },
	{ NT_ARM_ZT_, ZT_SIZE, 37, "the table of SME2 (ZT0)" },
	{ NT_ARM_FPMR_, 8, 48, "the mode of FP8 (FPMR)" },
};

/* How many there are here is seen when they are set: of the tool itself nothing tells. */
static int check_points(struct restore_thread *th, const CrtoolsRegset *e)
{
	size_t n = e->data.len / sizeof(((struct points *)0)->point[0]);

	return n && n <= POINTS_MAX && e->data.len == POINTS_SIZE(n) ? 0 : bad_set(th, e->type);
}

static int check_set(struct restore_thread *th, const CrtoolsRegset *e)
{
	if (e->type == NT_ARM_HW_BREAK_ || e->type == NT_ARM_HW_WATCH_)
		return check_points(th, e);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (e->type != (uint32_t)sets[i].type)
			continue;
		if (sets[i].size && e->data.len != sets[i].size)
			break;
		if (!(getauxval(AT_HWCAP2) >> sets[i].hwcap2 & 1)) {
			restored_refuse(th->task,
					arena_printf(restore_arena(th->task->r), "thread %d",
						     th->vtid),
					arena_printf(restore_arena(th->task->r),
						     "uses %s, which this processor or kernel has "
						     "not",
						     sets[i].name),
					"restore where /proc/cpuinfo names the feature");
			return 0;
		}
		return sets[i].size ? 0 : check_vectors(th, e->type, e->data.data, e->data.len);
	}
	return bad_set(th, e->type);
}

static int check_thread(struct restore_thread *th)
{
	const CrtoolsThreadEntry *x = th->extra;
	int ret = 0;

	if (!x)
		return 0;
	if (x->tagged_addresses & TAG_CHECKS && !(getauxval(AT_HWCAP2) & HWCAP2_MTE_))
		restored_refuse(th->task,
				arena_printf(restore_arena(th->task->r), "thread %d", th->vtid),
				"lets tags be checked (MTE), and this processor or kernel has none",
				"restore where /proc/cpuinfo names the feature mte");
	if (x->has_sve)
		ret = check_vectors(th, NT_ARM_SVE_, x->sve.data, x->sve.len);
	for (size_t i = 0; ret == 0 && i < x->n_regsets; i++)
		ret = check_set(th, x->regsets[i]);
	return ret;
}

static int check(struct restore_task *t)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = check_thread(&t->threads[i]);
	return ret < 0 ? ret : hwcaps_check(t);
}

int regsets_set(pid_t tid, const struct restore_thread *th, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && th->extra && i < th->extra->n_regsets; i++) {
		const CrtoolsRegset *e = th->extra->regsets[i];

		if (e->type != NT_ARM_SSVE_)
			ret = ptrace_set_regset(tid, e->type, e->data.data, e->data.len, err);
	}
	return ret;
}

/* Before any call that takes an address of the program's, which may have a tag. */
static int emit_thread(struct restore_thread *th)
{
	struct program *p = th->prog;

	if (!th->extra || !th->extra->tagged_addresses)
		return 0;
	program_stage(p, STAGE_THREAD);
	program_note(p, "tagged addresses");
	program_do(p, SYS_prctl, IMM(PR_SET_TAGGED_ADDR_), IMM(th->extra->tagged_addresses), IMM(0),
		   IMM(0), IMM(0));
	return 0;
}

const struct state_class fpu_state = {
	.name = "extended registers",
	.collect_thread = collect_thread,
	.check = check,
	.emit_thread = emit_thread,
};
