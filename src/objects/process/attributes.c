/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small attributes of threads and processes: names, what prctl(2) and personality(2) hold, and the
 * registrations of membarrier(2). A thread reads its own; a restored one sets what differs from
 * what the forked task has.
 *
 * CRIU writes the personality as the decimal value of the digits that /proc shows, which are
 * hexadecimal; images without our extension are read so.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#define PR_GET_IO_FLUSHER 58
#endif
#ifndef PR_SPEC_L1D_FLUSH
#define PR_SPEC_L1D_FLUSH 2
#endif
#ifndef SYS_arch_prctl /* x86 alone has it, and what it is asked for */
#define SYS_arch_prctl (-1)
#endif
#define ARCH_GET_CPUID		     0x1011
#define ARCH_SET_CPUID		     0x1012
#define ARCH_SHSTK_LOCK		     0x5003
#define SHSTK_ENABLED		     1u	      /* ARCH_SHSTK_SHSTK */
#define MEMBARRIER_GET_REGISTRATIONS (1 << 9) /* Linux 6.3 */
#define MEMBARRIER_REGISTERS                                                                       \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |    \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                                     \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
/* /proc/PID/stat's flags of a thread with PR_SET_IO_FLUSHER: PF_MEMALLOC_NOIO, PF_LOCAL_THROTTLE. */
#define PF_IO_FLUSHER 0x180000u
#define SPECULATIONS  3 /* PR_SPEC_STORE_BYPASS, INDIRECT_BRANCH, L1D_FLUSH */

enum attribute {
	PDEATH,
	SLACK,
	SLACK_DEFAULT,
	KEEPCAPS,
	TSC,
	CPUID,
	MCE,
	PERSONALITY,
	SPECULATION,
	SPECULATION_LAST = SPECULATION + SPECULATIONS - 1,
	THREAD_ATTRIBUTES,
	/* of the process: */
	SUBREAPER = THREAD_ATTRIBUTES,
	MEMBARRIER,
	/* of the tool, at a restore; a dump knows it by the thread's flags: */
	IO_FLUSHER,
	ATTRIBUTES
};

static const struct reading {
	const char *name;
	int nr;
	long first, second;
	bool pointer; /* the value comes by a pointer in the second argument, as an int */
} readings[ATTRIBUTES] = {
	[PDEATH] = { "parent-death signal", SYS_prctl, PR_GET_PDEATHSIG, .pointer = true },
	[SLACK] = { "timer slack", SYS_prctl, PR_GET_TIMERSLACK },
	[SLACK_DEFAULT] = { "default timer slack", SYS_prctl, PR_GET_TIMERSLACK },
	[KEEPCAPS] = { "keepcaps", SYS_prctl, PR_GET_KEEPCAPS },
	[IO_FLUSHER] = { "I/O flusher state", SYS_prctl, PR_GET_IO_FLUSHER },
	[TSC] = { "time stamp counter access", SYS_prctl, PR_GET_TSC, .pointer = true },
	[CPUID] = { "cpuid faulting", SYS_arch_prctl, ARCH_GET_CPUID },
	[MCE] = { "machine check policy", SYS_prctl, PR_MCE_KILL_GET },
	[PERSONALITY] = { "execution domain", SYS_personality, 0xffffffff },
	[SPECULATION] = { "speculation of stores", SYS_prctl, PR_GET_SPECULATION_CTRL,
			  PR_SPEC_STORE_BYPASS },
	[SPECULATION + 1] = { "speculation of branches", SYS_prctl, PR_GET_SPECULATION_CTRL,
			      PR_SPEC_INDIRECT_BRANCH },
	[SPECULATION + 2] = { "cache flush", SYS_prctl, PR_GET_SPECULATION_CTRL,
			      PR_SPEC_L1D_FLUSH },
	[SUBREAPER] = { "child subreaper attribute", SYS_prctl, PR_GET_CHILD_SUBREAPER,
			.pointer = true },
	[MEMBARRIER] = { "membarrier registrations", SYS_membarrier, MEMBARRIER_GET_REGISTRATIONS },
};

struct attribute_reads {
	call_id call[ATTRIBUTES];
	uint64_t value[ATTRIBUTES]; /* area offsets of those by pointer */
	/* Before Linux 6.3: which commands are permitted, for those that have to be registered. */
	call_id barrier[3];
};

static const int barrier_commands[3] = {
	MEMBARRIER_CMD_PRIVATE_EXPEDITED,
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
	MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
};

/* --- dump ----------------------------------------------------------------------------------- */

static void put_reading(struct program *p, struct attribute_reads *reads, enum attribute which)
{
	const struct reading *r = &readings[which];

	program_note(p, "the %s", r->name);
	/* The default shows by taking it; put_reading() is asked for the slack itself before. */
	if (which == SLACK_DEFAULT)
		program_call(p, SYS_prctl, IMM(PR_SET_TIMERSLACK), IMM(0), IMM(0), IMM(0), IMM(0));
	if (r->pointer) {
		reads->value[which] = area_reserve(p->area, sizeof(uint64_t));
		reads->call[which] = program_call(
			p, r->nr, IMM(r->first), AREA(reads->value[which]), IMM(0), IMM(0), IMM(0));
	} else {
		reads->call[which] = program_call(p, r->nr, IMM(r->first), IMM(r->second), IMM(0),
						  IMM(0), IMM(0));
	}
	if (which == SLACK_DEFAULT)
		program_call(p, SYS_prctl, IMM(PR_SET_TIMERSLACK), RESULT(reads->call[SLACK]),
			     IMM(0), IMM(0), IMM(0));
}

/* The value, or a negative errno. */
static int64_t value_of(const struct dump_thread *th, enum attribute which)
{
	const struct attribute_reads *reads = state_priv(th, SLOT_PRCTL, struct attribute_reads);
	int64_t ret = program_result(th->prog, reads->call[which]);

	if (ret < 0 || !readings[which].pointer)
		return ret;
	return *(const uint32_t *)area_data(th->prog->area, reads->value[which]);
}

static void check_shadow_stack(struct dump_thread *th)
{
	const struct proc_status *s = th->status;

	if (!s->has_thread_features)
		return;
	if (s->thread_features & SHSTK_ENABLED)
		task_refuse(th->task,
			    arena_printf(dump_arena(th->task->dump), "thread %d", th->vtid),
			    "has a shadow stack (CET), which can't be built again",
			    "Start the program with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off.");
	th->extra->has_shadow_stack_locked = s->thread_features_locked != 0;
	th->extra->shadow_stack_locked = s->thread_features_locked;
}

static int collect_thread(struct dump_thread *th)
{
	struct attribute_reads *reads =
		arena_new(dump_arena(th->task->dump), struct attribute_reads);

	th->priv[SLOT_PRCTL] = reads;
	for (int i = 0; i < THREAD_ATTRIBUTES; i++)
		put_reading(th->prog, reads, i);
	th->core->thread_core->comm = arena_strdup(dump_arena(th->task->dump), th->status->name);
	check_shadow_stack(th);
	if (th != &th->task->threads[0])
		return 0;
	put_reading(th->prog, reads, SUBREAPER);
	put_reading(th->prog, reads, MEMBARRIER);
	for (int i = 0; i < 3; i++)
		reads->barrier[i] = program_call(th->prog, SYS_membarrier, IMM(barrier_commands[i]),
						 IMM(0), IMM(0));
	return 0;
}

static void absorb_speculation(struct dump_thread *th)
{
	struct arena *a = dump_arena(th->task->dump);

	for (int i = 0; i < SPECULATIONS; i++) {
		int64_t value = value_of(th, SPECULATION + i);
		CrtoolsSpeculation *e;

		if (value < 0)
			continue;
		e = arena_msg(a, CrtoolsSpeculation, crtools_speculation);
		e->has_which = e->has_value = true;
		e->which = readings[SPECULATION + i].second;
		e->value = value;
		arena_push(a, th->extra->speculation, th->extra->n_speculation, e);
	}
}

/* prctl tells only who has CAP_SYS_RESOURCE; the flags of the thread tell everybody. */
static bool is_io_flusher(const struct dump_thread *th)
{
	return (th->flags & PF_IO_FLUSHER) == PF_IO_FLUSHER;
}

/* Both ways of asking; a kernel without membarrier refuses all of them. */
static uint32_t registrations(const struct dump_thread *th)
{
	const struct attribute_reads *reads = state_priv(th, SLOT_PRCTL, struct attribute_reads);
	int64_t mask = value_of(th, MEMBARRIER);

	if (mask >= 0)
		return mask & MEMBARRIER_REGISTERS;
	mask = 0;
	for (int i = 0; i < 3; i++)
		if (program_result(th->prog, reads->barrier[i]) == 0)
			mask |= barrier_commands[i] << 1; /* the command that registers */
	return mask;
}

static void absorb_process(struct dump_thread *leader)
{
	TaskCoreEntry *tc = leader->task->core->tc;
	uint32_t mask = registrations(leader);
	int64_t subreaper = value_of(leader, SUBREAPER);

	tc->personality = leader->extra->personality;
	tc->has_child_subreaper = subreaper >= 0;
	tc->child_subreaper = subreaper > 0;
	tc->has_membarrier_registration_mask = mask != 0;
	tc->membarrier_registration_mask = mask;
}

static int absorb_thread(struct dump_thread *th)
{
	CrtoolsThreadEntry *e = th->extra;
	ThreadCoreEntry *tc = th->core->thread_core;
	int64_t v = value_of(th, PDEATH);

	tc->has_pdeath_sig = v > 0;
	tc->pdeath_sig = v > 0 ? v : 0;
	v = value_of(th, SLACK);
	e->has_timerslack_ns = v >= 0;
	e->timerslack_ns = v;
	v = value_of(th, SLACK_DEFAULT);
	e->has_timerslack_default_ns = v > 0;
	e->timerslack_default_ns = v;
	v = value_of(th, KEEPCAPS);
	e->has_keepcaps = v >= 0;
	e->keepcaps = v > 0;
	e->has_io_flusher = true;
	e->io_flusher = is_io_flusher(th);
	v = value_of(th, TSC);
	e->has_tsc_mode = v >= 0;
	e->tsc_mode = v;
	v = value_of(th, CPUID);
	e->has_cpuid_fault = v >= 0;
	e->cpuid_fault = v;
	v = value_of(th, MCE);
	e->has_mce_kill = v >= 0;
	e->mce_kill = v;
	v = value_of(th, PERSONALITY);
	e->has_personality = true;
	e->personality = v;
	absorb_speculation(th);
	if (th == &th->task->threads[0])
		absorb_process(th);
	return 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static int64_t ask(enum attribute which)
{
	const struct reading *r = &readings[which];
	uint32_t value = 0;
	long ret;

	if (r->pointer)
		ret = syscall(r->nr, r->first, &value, 0, 0, 0);
	else
		ret = syscall(r->nr, r->first, r->second, 0, 0, 0);
	if (ret < 0)
		return -errno;
	return r->pointer ? value : ret;
}

/* What the calling thread has: a forked task before its programs run, or the tool. Tasks have what
 * the tool has but for what making them sets, so it is asked once: by the tool (check()), mostly. */
static int64_t own_value(enum attribute which)
{
	static int64_t values[ATTRIBUTES];
	static bool asked[ATTRIBUTES];

	if (which == MEMBARRIER || which == SUBREAPER)
		return ask(which);
	if (!asked[which])
		values[which] = ask(which);
	asked[which] = true;
	return values[which];
}

static uint32_t personality_of(const struct restore_thread *th)
{
	const struct restore_task *t = th->task;
	char digits[16];

	if (th->extra && th->extra->has_personality)
		return th->extra->personality;
	if (t->extra)
		return t->core->tc->personality;
	snprintf(digits, sizeof(digits), "%u", t->core->tc->personality);
	return strtoul(digits, NULL, 16);
}

uint64_t attributes_slack_default(const struct restore_thread *th)
{
	return th->extra && th->extra->has_timerslack_default_ns ? th->extra->timerslack_default_ns
								 : 0;
}

/* Does the thread differ here from the tool in a way that a call can mend? */
static bool can_speculate(const CrtoolsSpeculation *e, bool *ret_differs)
{
	int64_t own;

	*ret_differs = false;
	if (e->which >= SPECULATIONS || !(e->value & PR_SPEC_PRCTL))
		return false;
	own = own_value(SPECULATION + e->which);
	if (own < 0 || !(own & PR_SPEC_PRCTL)) {
		*ret_differs = !(e->value & PR_SPEC_ENABLE) && own != PR_SPEC_NOT_AFFECTED;
		return false;
	}
	*ret_differs = (own ^ e->value) & ~PR_SPEC_PRCTL;
	return !(own & PR_SPEC_FORCE_DISABLE);
}

static void check_thread(struct restore_thread *th)
{
	const CrtoolsThreadEntry *e = th->extra;
	struct restore_task *t = th->task;
	const char *object = arena_printf(restore_arena(t->r), "thread %d", th->vtid);
	bool differs;

	if (!e)
		return;
	for (size_t i = 0; i < e->n_speculation; i++)
		if (!can_speculate(e->speculation[i], &differs) && differs)
			restored_warn(t, object,
				      "had a control of speculative execution set that this "
				      "processor or kernel does not leave to a thread",
				      "");
	if (e->io_flusher && own_value(IO_FLUSHER) < 0)
		restored_warn(t, object, "was an I/O flusher; it will be none",
			      "Run crtools restore with CAP_SYS_RESOURCE.");
	if (e->has_cpuid_fault && !e->cpuid_fault && own_value(CPUID) == 1 &&
	    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1) < 0)
		restored_warn(
			t, object,
			"got a signal for the cpuid instruction; this processor can't do that", "");
}

/* What the programs of all threads ask for. */
static const enum attribute of_threads[] = { PERSONALITY, MCE, IO_FLUSHER, TSC, CPUID };

/* The parent of a tree's root is the tool, but with --restore-sibling. Where that ends as soon as
 * the tree runs, the signal would come at once, and most programs end by it. */
static bool parent_ends(const struct restore_task *t)
{
	const struct options *opts = t->r->s->opts;

	return t == t->r->tasks[0] && opts->detached && !opts->sibling;
}

static void warn_of_death_signal(struct restore_thread *th)
{
	struct arena *a = restore_arena(th->task->r);
	const ThreadCoreEntry *tc = th->core->thread_core;

	if (tc->has_pdeath_sig && tc->pdeath_sig && parent_ends(th->task))
		restored_warn(th->task, arena_printf(a, "thread %d", th->vtid),
			      arena_printf(a,
					   "asked for signal %u at its parent's death; it will not "
					   "get it, since crtools, which would be its parent, ends "
					   "as soon as the tree runs",
					   tc->pdeath_sig),
			      "Restore without -d, or with --restore-sibling.");
}

static int check(struct restore_task *t)
{
	uint32_t mask;

	if (t->zombie || t->helper)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(of_threads); i++)
		own_value(of_threads[i]);
	mask = t->core->tc->membarrier_registration_mask;
	if (mask & ~MEMBARRIER_REGISTERS)
		return image_bad(t, IMAGE_CORE, t->vpid, "the membarrier registrations are 0x%x",
				 mask);
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

		if (tc->has_pdeath_sig && tc->pdeath_sig > 64)
			return image_bad(t, IMAGE_CORE, t->threads[i].vtid,
					 "the parent-death signal of thread %d is %u",
					 t->threads[i].vtid, tc->pdeath_sig);
		check_thread(&t->threads[i]);
		warn_of_death_signal(&t->threads[i]);
	}
	return 0;
}

static void put(struct program *p, const char *what, int nr, long first, uint64_t second,
		uint64_t third)
{
	program_note(p, "%s", what);
	program_do(p, nr, IMM(first), IMM(second), IMM(third), IMM(0), IMM(0));
}

static void put_process(struct restore_task *t, struct program *p)
{
	const TaskCoreEntry *tc = t->core->tc;
	int64_t have = own_value(MEMBARRIER);

	program_stage(p, STAGE_TASK);
	if (t->fs && t->fs->has_umask)
		put(p, "umask", SYS_umask, t->fs->umask & 0777, 0, 0);
	for (uint32_t bit = 1; bit && bit <= tc->membarrier_registration_mask; bit <<= 1)
		if ((tc->membarrier_registration_mask & bit) && (have < 0 || !(have & bit)))
			put(p, readings[MEMBARRIER].name, SYS_membarrier, bit, 0, 0);
	/* Marks all descendants that there are; they have been forked long ago. */
	program_stage(p, STAGE_RIGHTS);
	if (tc->has_child_subreaper && tc->child_subreaper != (own_value(SUBREAPER) > 0))
		put(p, readings[SUBREAPER].name, SYS_prctl, PR_SET_CHILD_SUBREAPER,
		    tc->child_subreaper, 0);
}

static void put_rights(struct restore_thread *th)
{
	const CrtoolsThreadEntry *e = th->extra;
	uint32_t personality = personality_of(th);
	struct program *p = th->prog;
	bool differs;

	program_stage(p, STAGE_RIGHTS);
	if (personality != (uint32_t)own_value(PERSONALITY))
		put(p, readings[PERSONALITY].name, SYS_personality, personality, 0, 0);
	if (!e)
		return;
	/* Real-time threads have none, and 0 would mean the default. A thread is made with its
	 * default one; its maker takes over what others are to have for a default. */
	if (e->timerslack_ns &&
	    (thread_leads(th) || e->timerslack_ns != attributes_slack_default(th)))
		put(p, readings[SLACK].name, SYS_prctl, PR_SET_TIMERSLACK, e->timerslack_ns, 0);
	if (e->has_mce_kill && e->mce_kill != own_value(MCE))
		put(p, readings[MCE].name, SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_SET, e->mce_kill);
	if (e->has_io_flusher && own_value(IO_FLUSHER) >= 0 &&
	    e->io_flusher != own_value(IO_FLUSHER))
		put(p, readings[IO_FLUSHER].name, SYS_prctl, PR_SET_IO_FLUSHER, e->io_flusher, 0);
	for (size_t i = 0; i < e->n_speculation; i++)
		if (can_speculate(e->speculation[i], &differs) && differs)
			put(p, readings[SPECULATION + e->speculation[i]->which].name, SYS_prctl,
			    PR_SET_SPECULATION_CTRL, e->speculation[i]->which,
			    e->speculation[i]->value & ~PR_SPEC_PRCTL);
}

static void put_last(struct restore_thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	const CrtoolsThreadEntry *e = th->extra;
	struct program *p = th->prog;
	uint32_t death_signal = tc->has_pdeath_sig && !parent_ends(th->task) ? tc->pdeath_sig : 0;

	program_stage(p, STAGE_LAST);
	/* Always: a task that is being restored dies with the tool, until here. */
	if (thread_leads(th) || death_signal)
		put(p, readings[PDEATH].name, SYS_prctl, PR_SET_PDEATHSIG, death_signal, 0);
	if (!e)
		return;
	if (e->has_tsc_mode && e->tsc_mode != own_value(TSC))
		put(p, readings[TSC].name, SYS_prctl, PR_SET_TSC, e->tsc_mode, 0);
	if (e->has_cpuid_fault && e->cpuid_fault != own_value(CPUID)) {
		program_note(p, "%s", readings[CPUID].name);
		program_call(p, SYS_arch_prctl, IMM(ARCH_SET_CPUID), IMM(e->cpuid_fault));
	}
	if (e->shadow_stack_locked) {
		program_note(p, "locked shadow stack features");
		program_call(p, SYS_arch_prctl, IMM(ARCH_SHSTK_LOCK), IMM(e->shadow_stack_locked));
	}
}

static int emit_thread(struct restore_thread *th)
{
	const char *comm = th->core->thread_core->comm;
	struct program *p = th->prog;

	if (!comm && thread_leads(th))
		comm = th->task->core->tc->comm;
	if (comm) {
		program_stage(p, STAGE_THREAD);
		program_note(p, "name of thread %d", th->vtid);
		program_do(p, SYS_prctl, IMM(PR_SET_NAME),
			   AREA(area_put(p->area, comm, strnlen(comm, 15) + 1)), IMM(0), IMM(0),
			   IMM(0));
	}
	if (thread_leads(th))
		put_process(th->task, p);
	put_rights(th);
	put_last(th);
	return 0;
}

static int examine(struct dump_task *t)
{
	for (size_t i = 0; i < t->n_threads; i++)
		check_shadow_stack(&t->threads[i]);
	return 0;
}

const struct state_class attributes_state = {
	.name = "attributes",
	.collect_thread = collect_thread,
	.examine = examine,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit_thread = emit_thread,
};
