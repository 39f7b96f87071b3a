/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restartable sequences: a thread's registration of its struct rseq (rseq(2), Linux 4.18), read by
 * PTRACE_GET_RSEQ_CONFIGURATION (5.13). Before that the thread itself is asked, for places around
 * its thread pointer, where the C library has it: to register the same place again is EBUSY, any
 * other one EINVAL.
 *
 * A thread that is frozen inside of a critical section has rseq_cs in that struct pointing at the
 * section. When the kernel returns to user space after a preemption and finds the instruction
 * pointer outside of the section, it clears the pointer. That happens while the agent runs in the
 * thread, so the pointer is put back after the visit: the thread then continues at its abort
 * handler, or (a section with RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL) where it was, as if nobody had
 * been there. The images hold the abort handler as instruction pointer, or, for such a section, the
 * pointer, which must not be set before the registers are: see rseq_finish().
 *
 * A forked task inherits the registration of the tool's C library, at an address that is about to
 * vanish: the kernel would kill the task at the next preemption. prepare() takes it back.
 */
#include "objects/process/rseq.h"

#include <errno.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/ptrace.h"
#include "kernel/tracer.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define FLAG_NO_RESTART_ON_SIGNAL 2u
#define ORIGINAL_SIZE		  32u
#define SIZE_MAX_SANE		  4096u
#define CPU_ID_SANE		  8192u /* the greatest NR_CPUS */
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27 /* Linux 6.3 */
#endif

/* What the C library of the tool says of its registration (glibc 2.35). */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

struct rseq_reads {
	int mem_fd;
	uint64_t pointer;	  /* of the struct rseq */
	uint64_t section;	  /* what rseq_cs held; 0: none */
	uint64_t abort_ip;	  /* 0: not inside a section that is aborted */
	struct rseq_guess *guess; /* a kernel that can't tell; else NULL */
};

/* Around the thread pointer; the C library aligns it to 32 bytes. */
#define GUESS_RANGE 4096u
#define GUESSES	    (2 * GUESS_RANGE / ORIGINAL_SIZE)

/* struct rseq, which is aligned, as it was at first. */
struct rseq_fields {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags;
};

struct rseq_guess {
	call_id probe; /* is there a registration at all? */
	RseqEntry *entry;
	size_t n;
	call_id call[GUESSES];
	uint64_t at[GUESSES];
	struct rseq_fields was[GUESSES];
};

/* --- dump ----------------------------------------------------------------------------------- */

static void put_section_back(void *data)
{
	const struct rseq_reads *reads = data;

	mem_write(reads->mem_fd, reads->pointer + offsetof(struct rseq, rseq_cs), &reads->section,
		  sizeof(reads->section));
}

/* The kernel aborts to no place that has not got the signature in front. */
static bool is_signed(int mem_fd, uint64_t abort_ip, uint32_t signature)
{
	uint32_t found;

	return mem_read(mem_fd, abort_ip - sizeof(found), &found, sizeof(found)) == 0 &&
	       found == signature;
}

static bool inside(const struct rseq_cs *cs, uint64_t ip)
{
	return ip - cs->start_ip < cs->post_commit_offset;
}

/* Is the thread in a critical section? The memory is the program's: whatever it says may be wrong. */
static bool find_section(struct dump_thread *th, const struct rseq_fields *area,
			 struct rseq_reads *reads, RseqEntry *e)
{
	struct rseq_cs cs;

	if (!area->rseq_cs ||
	    mem_read(th->task->stop->mem_fd, area->rseq_cs, &cs, sizeof(cs)) < 0 ||
	    !inside(&cs, regs_ip(&th->stop->regs)) ||
	    !is_signed(th->task->stop->mem_fd, cs.abort_ip, e->signature))
		return false;
	reads->section = area->rseq_cs;
	if ((cs.flags | area->flags) & FLAG_NO_RESTART_ON_SIGNAL) {
		e->has_rseq_cs_pointer = true;
		e->rseq_cs_pointer = area->rseq_cs;
	} else {
		reads->abort_ip = cs.abort_ip;
	}
	return true;
}

static void examine_section(struct dump_thread *th, struct rseq_reads *reads, RseqEntry *e)
{
	struct dump_task *t = th->task;
	struct rseq_fields area;

	if (mem_read(t->stop->mem_fd, reads->pointer, &area, sizeof(area)) == 0 &&
	    find_section(th, &area, reads, e))
		undo_push(&t->dump->s->undo, put_section_back, reads);
}

/* The kernel has written the processor there, twice. */
static bool may_be_registered(const struct rseq_fields *area)
{
	return area->cpu_id_start == area->cpu_id && area->cpu_id <= CPU_ID_SANE;
}

static void collect_guesses(struct dump_thread *th, struct rseq_guess *g, int mem_fd)
{
	uint64_t start = (regs_thread_pointer(&th->stop->regs) & ~(uint64_t)(ORIGINAL_SIZE - 1)) -
			 GUESS_RANGE;

	for (size_t i = 0; i < GUESSES; i++) {
		g->at[g->n] = start + i * ORIGINAL_SIZE;
		if (mem_read(mem_fd, g->at[g->n], &g->was[g->n], sizeof(g->was[0])) == 0 &&
		    may_be_registered(&g->was[g->n]))
			g->n++;
	}
}

/* Is needed before the guesses are made: the instruction pointer may have to move. What points at a
 * section that the thread is in is no accident. */
static void look_for_section(struct dump_thread *th, struct rseq_reads *reads)
{
	struct dump *d = th->task->dump;
	struct rseq_guess *g = reads->guess;

	g->entry = arena_msg(dump_arena(d), RseqEntry, rseq_entry);
	g->entry->signature = RSEQ_SIG;
	for (size_t i = 0; i < g->n && !reads->section; i++)
		if (find_section(th, &g->was[i], reads, g->entry)) {
			reads->pointer = g->at[i];
			undo_push(&d->s->undo, put_section_back, reads);
		}
}

/*
 * Registering a place of the tool's fails with EINVAL if there is a registration. If not, it stays
 * registered until the guesses are made, so that none of them can become one, and is taken back.
 */
static void guess_registration(struct dump_thread *th, struct rseq_reads *reads)
{
	struct rseq_guess *g = arena_new(dump_arena(th->task->dump), struct rseq_guess);
	uint64_t scratch = area_reserve(th->prog->area, 2 * ORIGINAL_SIZE);
	struct program *p = th->prog;

	reads->guess = g;
	g->n = 0;
	collect_guesses(th, g, reads->mem_fd);
	look_for_section(th, reads);
	/* 32-byte alignment is demanded; the area itself starts at a page. */
	scratch = (scratch + ORIGINAL_SIZE - 1) & ~(uint64_t)(ORIGINAL_SIZE - 1);
	program_note(p, "a registration of restartable sequences");
	g->probe =
		program_call(p, SYS_rseq, AREA(scratch), IMM(ORIGINAL_SIZE), IMM(0), IMM(RSEQ_SIG));
	for (size_t i = 0; i < g->n; i++)
		g->call[i] = program_call(p, SYS_rseq, IMM(g->at[i]), IMM(ORIGINAL_SIZE), IMM(0),
					  IMM(RSEQ_SIG));
	program_call(p, SYS_rseq, AREA(scratch), IMM(ORIGINAL_SIZE), IMM(RSEQ_FLAG_UNREGISTER),
		     IMM(RSEQ_SIG));
}

static int collect_thread(struct dump_thread *th)
{
	struct arena *a = dump_arena(th->task->dump);
	struct rseq_reads *reads = arena_new(a, struct rseq_reads);
	struct ptrace_rseq conf;
	RseqEntry *e;
	int ret;

	reads->mem_fd = th->task->stop->mem_fd;
	th->priv[SLOT_RSEQ] = reads;
	ret = ptrace_get_rseq(th->stop->tid, &conf, NULL);
	if (ret < 0) {
		guess_registration(th, reads);
		return 0;
	}
	e = arena_msg(a, RseqEntry, rseq_entry);
	th->core->thread_core->rseq_entry = e;
	e->rseq_abi_pointer = conf.pointer;
	e->rseq_abi_size = conf.size;
	e->signature = conf.signature;
	reads->pointer = conf.pointer;
	if (conf.pointer)
		examine_section(th, reads, e);
	return 0;
}

static void make_entry(struct dump_thread *th, struct rseq_reads *reads, size_t which)
{
	RseqEntry *e = reads->guess->entry;

	th->core->thread_core->rseq_entry = e;
	e->rseq_abi_pointer = reads->pointer = reads->guess->at[which];
	e->rseq_abi_size = ORIGINAL_SIZE;
}

static void absorb_guess(struct dump_thread *th, struct rseq_reads *reads)
{
	const struct rseq_guess *g = reads->guess;

	if (program_result(th->prog, g->probe) != -EINVAL)
		return;
	for (size_t i = 0; i < g->n; i++)
		if (program_result(th->prog, g->call[i]) == -EBUSY) {
			make_entry(th, reads, i);
			return;
		}
	task_refuse(th->task, arena_printf(dump_arena(th->task->dump), "thread %d", th->vtid),
		    "has registered restartable sequences, and neither the kernel says where, nor "
		    "is it where the C library has them",
		    "Use Linux 5.13 or newer, or start the program with "
		    "GLIBC_TUNABLES=glibc.pthread.rseq=0.");
}

static int absorb_thread(struct dump_thread *th)
{
	struct rseq_reads *reads = state_priv(th, SLOT_RSEQ, struct rseq_reads);

	if (reads->guess)
		absorb_guess(th, reads);
	if (reads->section)
		put_section_back(reads);
	return 0;
}

bool rseq_fixup(const struct dump_thread *th, uint64_t *ret_ip)
{
	const struct rseq_reads *reads = state_priv(th, SLOT_RSEQ, struct rseq_reads);

	if (!reads || !reads->abort_ip)
		return false;
	*ret_ip = reads->abort_ip;
	return true;
}

/* --- restore -------------------------------------------------------------------------------- */

/*
 * Which sizes rseq(2) takes: 32; since Linux 6.3 also those with room for all fields that the
 * kernel has, which is what it tells programs to register (AT_RSEQ_FEATURE_SIZE).
 */
static void check_size(const struct restore_thread *th, uint32_t size)
{
	struct arena *a = restore_arena(th->task->r);
	const char *object = arena_printf(a, "restartable sequences of thread %d", th->vtid);
	unsigned long fields = getauxval(AT_RSEQ_FEATURE_SIZE);

	if (syscall(SYS_rseq, 0, 0, 0, 0) < 0 && (errno == ENOSYS || errno == EPERM)) {
		restored_refuse(th->task, object, "are registered, and there is no rseq(2) here",
				"restore where there is CONFIG_RSEQ, and no seccomp filter around "
				"crtools that forbids the call");
		return;
	}
	if (size == ORIGINAL_SIZE || (fields && size >= fields))
		return;
	if (fields)
		restored_refuse(th->task, object,
				arena_printf(a,
					     "have %u bytes; this kernel takes 32, or %lu and more",
					     size, fields),
				"restore on a kernel that is not newer than that of the dump");
	else
		restored_refuse(th->task, object,
				arena_printf(a, "have %u bytes; this kernel takes 32 only", size),
				"restore on Linux 6.3 or later, or start the program with "
				"GLIBC_TUNABLES=glibc.pthread.rseq=0");
}

static int check(struct restore_task *t)
{
	if (t->zombie || t->helper)
		return 0;
	for (size_t i = 0; i < t->n_threads; i++) {
		const RseqEntry *e = t->threads[i].core->thread_core->rseq_entry;

		if (e && e->rseq_abi_pointer &&
		    (e->rseq_abi_size < ORIGINAL_SIZE || e->rseq_abi_size > SIZE_MAX_SANE))
			return image_bad(t, IMAGE_CORE, t->threads[i].vtid,
					 "the struct rseq of thread %d has %u bytes",
					 t->threads[i].vtid, e->rseq_abi_size);
		if (e && e->rseq_abi_pointer)
			check_size(&t->threads[i], e->rseq_abi_size);
	}
	return 0;
}

static int unregister_own(uint64_t at, uint32_t size)
{
	return syscall(SYS_rseq, at, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) < 0 ? -errno : 0;
}

/* The size to unregister is the one that was registered: 32, or with glibc 2.40 what the kernel
 * asks for in AT_RSEQ_FEATURE_SIZE, rounded up; __rseq_size is only what of it is in use. */
static int prepare(struct restore_task *t)
{
	uint64_t at;

	if (!&__rseq_size || !__rseq_size)
		return 0;
	at = (uint64_t)((char *)__builtin_thread_pointer() + __rseq_offset);
	for (uint32_t size = ORIGINAL_SIZE; size <= 256; size += 4) {
		int ret = unregister_own(at, size);

		if (ret == 0 || ret == -ENOSYS)
			return 0;
		if (ret != -EINVAL)
			break;
	}
	/* Already taken back, by a task that forked this one. */
	if (((volatile struct rseq *)at)->cpu_id == (uint32_t)RSEQ_CPU_ID_UNINITIALIZED)
		return 0;
	return err_set(restore_err(t->r), ERR_INTERNAL, EINVAL,
		       "the tool's own registration of restartable sequences can't be taken back");
}

static int emit_thread(struct restore_thread *th)
{
	const RseqEntry *e = th->core->thread_core->rseq_entry;

	if (!e || !e->rseq_abi_pointer)
		return 0;
	program_stage(th->prog, STAGE_THREAD);
	program_note(th->prog, "restartable sequences of thread %d", th->vtid);
	program_do(th->prog, SYS_rseq, IMM(e->rseq_abi_pointer), IMM(e->rseq_abi_size), IMM(0),
		   IMM(e->signature));
	return 0;
}

int rseq_finish(const struct restore_thread *th, pid_t tid, struct err *err)
{
	const RseqEntry *e = th->core->thread_core->rseq_entry;

	if (!e || !e->rseq_abi_pointer || !e->has_rseq_cs_pointer || !e->rseq_cs_pointer)
		return 0;
	if (tracer_ptrace(PTRACE_POKEDATA, tid,
			  e->rseq_abi_pointer + offsetof(struct rseq, rseq_cs),
			  e->rseq_cs_pointer) < 0)
		return err_sys(err, "ptrace",
			       "can't put thread %d back into its restartable sequence", th->vtid);
	return 0;
}

const struct state_class rseq_state = {
	.name = "restartable sequences",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
	.prepare = prepare,
	.emit_thread = emit_thread,
};
