/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas that are no memory of the program's: guard regions (MADV_GUARD_INSTALL, Linux 6.13), which
 * the images list as areas behind all others; the page that the kernel maps where uprobes
 * fire, which it maps again by itself; and all that can't be kept.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/restored.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static bool match_none(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	(void)a;
	return false;
}

static bool claims_guard(const VmaEntry *e)
{
	return e->status & VMA_AREA_GUARD;
}

/* Memory that is no anonymous one of a process' own may have guards since 6.15; since then, too,
 * the kernel tells where they are. */
static void need_guards(struct restore_task *t, const VmaEntry *guard, const VmaEntry *guarded)
{
	bool plain = guarded->status & VMA_ANON_PRIVATE && !(guarded->flags & MAP_LOCKED);

	restored_need(
		t->r, t->vpid, plain ? FEATURE_GUARD_REGIONS : FEATURE_PAGEMAP_SCAN_GUARD,
		arena_printf(restore_arena(t->r), "guard region %llx-%llx",
			     (unsigned long long)guard->start, (unsigned long long)guard->end),
		plain ? "can't be made by this kernel"
		      : "of shared memory, a file or locked memory can't be made by this kernel");
}

static int check_guard(struct restore_task *t, struct restore_vma *v)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].e;

		if (e->status & VMA_AREA_GUARD || v->e->start >= e->end || e->start >= v->e->end)
			continue;
		need_guards(t, v->e, e);
		return 0;
	}
	return area_corrupt(t, v, "place: there is no area that it guards");
}

/* Before areas are locked: locked ones can't be given guards. */
static int emit_guard(struct restore_task *t, struct restore_vma *v)
{
	struct program *p = t->threads[0].prog;

	program_stage(p, STAGE_CONTENT);
	program_note(p, "guard region");
	program_do(p, SYS_madvise, IMM(v->e->start), IMM(v->e->end - v->e->start),
		   IMM(MADV_GUARD_INSTALL));
	return 0;
}

const struct area_class guard_area = {
	.name = "guard region",
	.match = match_none,
	.claims = claims_guard,
	.check = check_guard,
	.emit = emit_guard,
};

static bool match_uprobes(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strcmp(a->path, "[uprobes]");
}

static int collect_uprobes(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	e->status = VMA_AREA_UPROBES;
	e->pgoff = 0;
	e->has_madv = false; /* DONTFORK, which is the kernel's to set */
	e->madv = 0;
	if (!t->dump->s->opts->allow_uprobes)
		task_refuse(
			t, area_object(dump_arena(t->dump), a),
			"is there because the program is being probed (uprobes)",
			"end the probes, or give --allow-uprobes if the same ones will be there "
			"at the restore");
	return 0;
}

static bool claims_uprobes(const VmaEntry *e)
{
	return e->status & VMA_AREA_UPROBES;
}

const struct area_class uprobes_area = {
	.name = "uprobes page",
	.match = match_uprobes,
	.collect = collect_uprobes,
	.claims = claims_uprobes,
};

static bool match_all(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	(void)a;
	return true;
}

static bool claims_none(const VmaEntry *e)
{
	(void)e;
	return false;
}

static const struct {
	uint64_t vmflag;
	const char *path; /* how it begins; NULL: any */
	const char *text, *cure;
} reasons[] = {
	{ VMF_(SHADOW_STACK), NULL, "is a shadow stack, which can't be rebuilt yet",
	  "run the program without them (GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)" },
	{ 0, "anon_inode:bpf-map", "is of a BPF map, and the kernel does not tell of which",
	  "have the program use bpf(2), and unmap it" },
	{ 0, "anon_inode:[perf_event]", "is a buffer of performance events, which can't be kept",
	  "end the measurement" },
	{ VMF_(IO), NULL, "is memory of a device, whose state only its driver has",
	  "have the program unmap it" },
	{ VMF_(PFNMAP), NULL, "is memory of a device or of the kernel, which only its driver has",
	  "have the program unmap it" },
};

static int collect_refused(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	const char *object = area_object(dump_arena(t->dump), a);

	(void)e;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].vmflag && !(a->vmflags & reasons[i].vmflag))
			continue;
		if (reasons[i].path && strncmp(a->path, reasons[i].path, strlen(reasons[i].path)))
			continue;
		task_refuse(t, object, reasons[i].text, reasons[i].cure);
		return 0;
	}
	task_refuse(t, object, "is of a kind that can't be kept", "have the program unmap it");
	return 0;
}

const struct area_class refused_area = {
	.name = "unknown mapping",
	.match = match_all,
	.collect = collect_refused,
	.claims = claims_none,
};
