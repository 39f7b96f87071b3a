/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: what a thread may have beyond the registers of the core image, and that is not kept in
 * this version. It is refused where a thread has it, never lost: vectors of SVE that are longer
 * than those of FP/SIMD, streaming vectors and the array of SME, shadow stacks (GCS), tags (MTE).
 *
 * A system call ends the life of what SVE has beyond FP/SIMD (Documentation/arch/arm64/sve.rst), so
 * only threads that were stopped outside of one have any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/class.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define NT_ARM_SVE_		 0x405
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

	if (read_header(tid, NT_ARM_SVE_, &h) && h.flags & REGS_SVE)
		refuse(th, "was stopped with vectors of SVE in use, which this version can't keep",
		       "dump once more: any system call ends their use");
	if (read_header(tid, NT_ARM_SVE_, &h) && h.vl != (prctl(PR_SVE_GET_VL) & 0xffff))
		refuse(th, "has chosen a vector length of its own (PR_SVE_SET_VL)",
		       "run it with the system's length");
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

const struct state_class fpu_state = {
	.name = "extended registers",
	.collect_thread = collect_thread,
};
