/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of an address space: dumpable, transparent huge pages, merging of equal pages, memory
 * that denies write and execute.
 *
 * Huge pages and merging are set before the memory is filled, so that it is filled accordingly
 * (areas that were excluded from merging one by one are told so by their class).
 *
 * The kernel sets dumpable to the value of fs.suid_dumpable whenever the credentials of one of the
 * threads change (kernel/cred.c, commit_creds), so it comes after all of them. prctl takes 0 and 1;
 * the value 2 comes only from such a change while fs.suid_dumpable is 2: the leader makes one.
 *
 * PR_SET_MDWE can't be taken back and refuses to make memory executable: nothing comes after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/process/creds.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#define MDWE_KNOWN	3u /* REFUSE_EXEC_GAIN, NO_INHERIT */
#define THP_DISABLED	1u
#define THP_FLAGS_KNOWN 2u /* PR_THP_DISABLE_EXCEPT_ADVISED (Linux 6.18) */
#define DUMPABLE_ROOT	2

struct mmflags_reads {
	call_id dumpable, thp, merge, mdwe;
};

/* --- dump ----------------------------------------------------------------------------------- */

static call_id put_get(struct program *p, int option)
{
	return program_call(p, SYS_prctl, IMM(option), IMM(0), IMM(0), IMM(0), IMM(0));
}

static int collect(struct dump_task *t)
{
	struct mmflags_reads *reads;
	struct program *p;

	if (t->zombie)
		return 0;
	p = t->threads[0].prog;
	reads = arena_new(dump_arena(t->dump), struct mmflags_reads);
	program_note(p, "attributes of the address space");
	reads->dumpable = put_get(p, PR_GET_DUMPABLE);
	reads->thp = put_get(p, PR_GET_THP_DISABLE);
	reads->merge = put_get(p, PR_GET_MEMORY_MERGE);
	reads->mdwe = put_get(p, PR_GET_MDWE);
	t->priv[SLOT_MMFLAGS] = reads;
	return 0;
}

static int absorb(struct dump_task *t)
{
	struct mmflags_reads *reads = state_priv(t, SLOT_MMFLAGS, struct mmflags_reads);
	struct program *p = t->threads[0].prog;
	int64_t dumpable = program_result(p, reads->dumpable), thp = program_result(p, reads->thp);
	int64_t merge = program_result(p, reads->merge), mdwe = program_result(p, reads->mdwe);

	t->mm->has_dumpable = dumpable >= 0;
	t->mm->dumpable = dumpable;
	t->mm->has_thp_disabled = thp >= 0;
	t->mm->thp_disabled = thp > 0;
	t->extra->has_thp_disable_flags = thp >= 0;
	t->extra->thp_disable_flags = thp;
	t->extra->has_memory_merge = merge >= 0;
	t->extra->memory_merge = merge > 0;
	t->extra->has_mdwe_flags = mdwe >= 0;
	t->extra->mdwe_flags = mdwe;
	return 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static int64_t own(int option)
{
	return prctl(option, 0, 0, 0, 0);
}

static bool suid_dumpable_is_root(void)
{
	_cleanup_fd_ int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
	char text[8] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && atoi(text) == DUMPABLE_ROOT;
}

static bool may_change_groups(struct restore_task *t)
{
	struct identity id;

	return identity_read(restore_arena(t->r), &id, NULL) == 0 &&
	       (id.effective & (1u << CAP_SETGID));
}

static bool can_be_dumpable_root(struct restore_task *t)
{
	return suid_dumpable_is_root() && may_change_groups(t);
}

static uint32_t wanted_thp(const struct restore_task *t)
{
	if (t->extra && t->extra->has_thp_disable_flags)
		return t->extra->thp_disable_flags;
	return t->mm->has_thp_disabled && t->mm->thp_disabled ? THP_DISABLED : 0;
}

static void check_mdwe(struct restore_task *t, uint64_t want)
{
	int64_t have = own(PR_GET_MDWE);

	if (have > 0 && !want)
		restored_refuse(t, "memory-deny-write-execute",
				"crtools itself runs with it, and it can't be taken back",
				"Run crtools restore where it is not set (a systemd service has "
				"MemoryDenyWriteExecute=no for that).");
	if (want && have < 0)
		restored_warn(t, "memory-deny-write-execute",
			      "this kernel does not know it; left out",
			      "Restore on Linux 6.3 or newer.");
}

static int check(struct restore_task *t)
{
	const CrtoolsTaskEntry *e = t->extra;

	if (t->zombie || t->helper || !t->mm)
		return 0;
	if (t->mm->has_dumpable && (t->mm->dumpable < 0 || t->mm->dumpable > DUMPABLE_ROOT))
		return image_bad(t, IMAGE_MM, t->vpid, "the dumpable attribute is %d",
				 t->mm->dumpable);
	if (t->mm->dumpable == DUMPABLE_ROOT && !can_be_dumpable_root(t))
		restored_warn(t, "dumpable attribute",
			      "was 2 (core dumps for root only); it will be 0",
			      "Set the sysctl fs.suid_dumpable to 2 and restore with CAP_SETGID.");
	if (wanted_thp(t) & ~(THP_DISABLED | THP_FLAGS_KNOWN))
		return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid, "PR_GET_THP_DISABLE was 0x%x",
				 wanted_thp(t));
	if (!e)
		return 0;
	if (e->mdwe_flags & ~(uint64_t)MDWE_KNOWN)
		return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid, "PR_GET_MDWE was 0x%llx",
				 (unsigned long long)e->mdwe_flags);
	check_mdwe(t, e->mdwe_flags);
	return 0;
}

static void set_thp(struct restore_task *t)
{
	uint32_t want = wanted_thp(t);
	int64_t have = own(PR_GET_THP_DISABLE);

	if (have < 0 || have == want)
		return;
	if (prctl(PR_SET_THP_DISABLE, want & THP_DISABLED, want & THP_FLAGS_KNOWN, 0, 0) == 0)
		return;
	restored_warn(t, "PR_THP_DISABLE_EXCEPT_ADVISED",
		      "this kernel does not know it: transparent "
		      "huge pages are disabled altogether",
		      "Restore on Linux 6.18 or newer.");
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

/* Forked tasks inherit both. Merging takes CAP_SYS_RESOURCE; without, only memory is lost. */
static int prepare(struct restore_task *t)
{
	const CrtoolsTaskEntry *e = t->extra;

	set_thp(t);
	if (e && e->has_memory_merge && own(PR_GET_MEMORY_MERGE) >= 0 &&
	    own(PR_GET_MEMORY_MERGE) != e->memory_merge &&
	    prctl(PR_SET_MEMORY_MERGE, e->memory_merge, 0, 0, 0) < 0)
		restored_warn(t, "merging of equal pages (PR_SET_MEMORY_MERGE)",
			      "can't be switched on again",
			      "Run crtools restore with CAP_SYS_RESOURCE.");
	return 0;
}

/* Two changes of the credentials that leave them as they were, and dumpable at fs.suid_dumpable. */
static void put_dumpable_root(struct program *p)
{
	uint32_t fsgid = setfsgid(-1);

	program_stage(p, STAGE_FILTERS);
	program_note(p, "dumpable attribute 2");
	program_call(p, SYS_setfsgid, IMM(fsgid ? 0 : 1));
	program_call(p, SYS_setfsgid, IMM(fsgid));
}

static void put_dumpable(struct restore_task *t, struct program *p)
{
	int want = t->mm->dumpable;

	program_note(p, "dumpable attribute");
	if (want == DUMPABLE_ROOT && can_be_dumpable_root(t)) {
		put_dumpable_root(p);
		program_stage(p, STAGE_LAST);
		program_note(p, "dumpable attribute 2");
		program_want(p, put_get(p, PR_GET_DUMPABLE), DUMPABLE_ROOT);
		return;
	}
	program_do(p, SYS_prctl, IMM(PR_SET_DUMPABLE), IMM(want == 1), IMM(0), IMM(0), IMM(0));
}

static int emit_thread(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	struct program *p = th->prog;

	program_stage(p, STAGE_LAST);
	program_note(p, "the other threads, before what is last");
	meeting_reach(th, MEETING_IDENTITY);
	if (!thread_leads(th) || !t->mm)
		return 0;
	if (t->mm->has_dumpable)
		put_dumpable(t, p);
	if (t->extra && t->extra->mdwe_flags && own(PR_GET_MDWE) >= 0 &&
	    own(PR_GET_MDWE) != (int64_t)t->extra->mdwe_flags) {
		program_note(p, "memory-deny-write-execute");
		program_do(p, SYS_prctl, IMM(PR_SET_MDWE), IMM(t->extra->mdwe_flags), IMM(0),
			   IMM(0), IMM(0));
	}
	return 0;
}

const struct state_class mmflags_state = {
	.name = "address space attributes",
	.collect = collect,
	.absorb = absorb,
	.check = check,
	.prepare = prepare,
	.emit_thread = emit_thread,
};
