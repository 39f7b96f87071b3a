/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: what a thread may have beyond the registers of the core image. Vectors of SVE are kept
 * (cpu_aarch64.c), where the processor of the restore has their length. Streaming vectors and the
 * array of SME, shadow stacks (GCS) and tags (MTE) are not in this version: refused where a thread
 * has them, never lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/class.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/registry.h"
#include "objects/restored.h"

#define NT_ARM_TAGGED_ADDR_CTRL_ 0x409
#define NT_ARM_SSVE_		 0x40b
#define NT_ARM_ZA_		 0x40c
#define NT_ARM_GCS_		 0x410
#define REGS_SVE		 1u /* SVE_PT_REGS_MASK: not in the form of FP/SIMD */

/* struct user_sve_header and user_za_header of the kernel. */
struct vector_header {
	uint32_t size, max_size;
	uint16_t vl, max_vl, flags, reserved;
};

/* The kernel cuts a register set to the room that there is. */
static bool read_header(pid_t tid, int set, struct vector_header *ret)
{
	size_t len = sizeof(*ret);

	return ptrace_get_regset(tid, set, ret, &len, NULL) == 0 && len == sizeof(*ret);
}

static bool read_word(pid_t tid, int set, uint64_t *ret)
{
	size_t len = sizeof(*ret);

	return ptrace_get_regset(tid, set, ret, &len, NULL) == 0 && *ret;
}

static void refuse(struct dump_thread *th, const char *what, const char *cure)
{
	task_refuse(th->task, arena_printf(dump_arena(th->task->dump), "thread %d", th->vtid), what,
		    cure);
}

static int collect_thread(struct dump_thread *th)
{
	pid_t tid = th->stop->tid;
	struct vector_header h;
	uint64_t word;

	if ((read_header(tid, NT_ARM_SSVE_, &h) && h.flags & REGS_SVE) ||
	    (read_header(tid, NT_ARM_ZA_, &h) && h.size > sizeof(h)))
		refuse(th,
		       "uses streaming vectors or the array of SME, which this version can't keep",
		       "dump it outside of such a computation");
	if (read_word(tid, NT_ARM_GCS_, &word))
		refuse(th, "has a shadow stack (GCS), which this version can't keep",
		       "run the program with glibc.cpu.aarch64_gcs=0 in GLIBC_TUNABLES");
	if (read_word(tid, NT_ARM_TAGGED_ADDR_CTRL_, &word))
		refuse(th,
		       "has addresses with tags (PR_SET_TAGGED_ADDR_CTRL), which this version "
		       "can't keep",
		       "run the program with glibc.mem.tagging=0 in GLIBC_TUNABLES");
	return 0;
}

/* Tried with the tool's own, as nothing else tells which lengths there are. */
static bool length_possible(unsigned int vl)
{
	int own = prctl(PR_SVE_GET_VL), got;

	if (own < 0)
		return false;
	got = prctl(PR_SVE_SET_VL, vl);
	prctl(PR_SVE_SET_VL, own);
	return got >= 0 && (unsigned int)(got & PR_SVE_VL_LEN_MASK) == vl;
}

static int check_vectors(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	struct cpu_vectors v;
	struct vector_header h = { 0 };

	cpu_vectors(th, &v);
	if (!v.data)
		return 0;
	if (v.len >= sizeof(h))
		memcpy(&h, v.data, sizeof(h));
	if (v.len < sizeof(h) || h.size != v.len || h.vl % 16)
		return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
				 "thread %d has vectors of SVE that make no sense", th->vtid);
	if (!length_possible(h.vl))
		restored_refuse(t, "vectors of SVE",
				arena_printf(restore_arena(t->r),
					     "thread %d has some of %u bytes, a length that this "
					     "processor lacks, or this kernel",
					     th->vtid, h.vl),
				"restore where there are such");
	return 0;
}

static int check(struct restore_task *t)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = check_vectors(&t->threads[i]);
	return ret;
}

const struct state_class fpu_state = {
	.name = "extended registers",
	.collect_thread = collect_thread,
	.check = check,
};
