/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an area has beside its entry, in crtools-task images (CRIU's format has no field for it, so
 * CRIU loses it): the name of anonymous memory, lock on fault, protection keys, seals (mseal). And
 * what is the address space's: the locking of memory that is still to come (mlockall), which keys
 * are allocated.
 *
 * Whether mlockall(MCL_FUTURE) is on can't be read anywhere; a mapping made for that purpose tells:
 * MADV_DONTNEED is refused for locked memory (mm/madvise.c, can_madv_dontneed_free), and without
 * MCL_ONFAULT its page is there at once.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/memory/tags.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "objects/segments.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#define KEYS	   16
#define NAME_LIMIT 80 /* ANON_VMA_NAME_MAX_LEN, with the NUL */

struct probes {
	call_id map, drop, core;
	uint64_t resident; /* mincore's answer, in the area */
	bool keys;
	call_id key[KEYS];
};

/* --- dump ------------------------------------------------------------------------------------- */

CrtoolsArea *area_extra_make(struct dump_task *t, uint64_t start)
{
	CrtoolsTaskEntry *x = t->extra;
	CrtoolsArea *e;
	size_t i = x->n_areas;

	/* Most come in ascending order. */
	while (i && x->areas[i - 1]->start > start)
		i--;
	if (i && x->areas[i - 1]->start == start)
		return x->areas[i - 1];
	e = arena_msg(dump_arena(t->dump), CrtoolsArea, crtools_area);
	e->has_start = true;
	e->start = start;
	arena_push(dump_arena(t->dump), x->areas, x->n_areas, e);
	memmove(&x->areas[i + 1], &x->areas[i], (x->n_areas - 1 - i) * sizeof(*x->areas));
	x->areas[i] = e;
	return e;
}

static const char *name_of(struct dump_task *t, const struct proc_area *a)
{
	const char *end = strrchr(a->path, ']');
	size_t skip = !strncmp(a->path, "[anon:", 6)	      ? 6
		      : !strncmp(a->path, "[anon_shmem:", 12) ? 12
							      : 0;

	if (!skip || !end || end < a->path + skip)
		return NULL;
	return arena_printf(dump_arena(t->dump), "%.*s", (int)(end - a->path - skip),
			    a->path + skip);
}

/* Of the kernel's own areas only the kernel sets flags. */
static bool is_kernels(const VmaEntry *e)
{
	return e->status & (VMA_AREA_VDSO | VMA_AREA_VVAR | VMA_AREA_VSYSCALL | VMA_AREA_UPROBES);
}

static void collect_area(struct dump_task *t, const struct dump_area *da)
{
	const uint64_t uffd = VMF_(UFFD_MISSING) | VMF_(UFFD_WP) | VMF_(UFFD_MINOR);
	const struct proc_area *a = da->area;
	const char *name = name_of(t, a);

	if (is_kernels(da->vma))
		return;
	tags_judge(t, a);
	if (a->vmflags & uffd)
		task_refuse(
			t, area_object(dump_arena(t->dump), a),
			"is registered with a userfaultfd, and who serves its faults can't be kept",
			"have the program unregister it (UFFDIO_UNREGISTER)");
	if (name)
		area_extra_make(t, a->start)->name = (char *)name;
	if (a->vmflags & VMF_(LOCKONFAULT)) {
		area_extra_make(t, a->start)->has_lock_on_fault = true;
		area_extra_make(t, a->start)->lock_on_fault = true;
	}
	if (a->vmflags & VMF_(SEALED)) {
		area_extra_make(t, a->start)->has_sealed = true;
		area_extra_make(t, a->start)->sealed = true;
	}
	if (a->pkey > 0) {
		area_extra_make(t, a->start)->has_pkey = true;
		area_extra_make(t, a->start)->pkey = a->pkey;
	}
}

static void probe_locking(struct dump_task *t, struct probes *probes)
{
	struct program *p = t->threads[0].prog;

	program_note(p, "locking of memory to come");
	probes->resident = area_reserve(p->area, 1);
	probes->map = program_call(p, SYS_mmap, IMM(0), IMM(PAGE_SIZE_),
				   IMM(PROT_READ | PROT_WRITE), IMM(MAP_PRIVATE | MAP_ANONYMOUS),
				   IMM(-1), IMM(0));
	probes->core = program_call(p, SYS_mincore, RESULT(probes->map), IMM(PAGE_SIZE_),
				    AREA(probes->resident));
	probes->drop = program_call(p, SYS_madvise, RESULT(probes->map), IMM(PAGE_SIZE_),
				    IMM(MADV_DONTNEED));
	program_call(p, SYS_munmap, RESULT(probes->map), IMM(PAGE_SIZE_));
}

/* Keys that can be had are not allocated. Allocating changes the rights register. */
static void probe_keys(struct dump_task *t, struct probes *probes)
{
	struct program *p = t->threads[0].prog;
	call_id rights;

	for (size_t i = 0; i < t->n_vmas; i++)
		probes->keys |= t->vmas[i].area->pkey >= 0;
	probes->keys = probes->keys && area_keys_known();
	if (!probes->keys)
		return;
	program_note(p, "protection keys");
	rights = program_op(p, AGENT_ARCH, 0, IMM(AGENT_ARCH_RDPKRU));
	for (int i = 0; i < KEYS; i++)
		probes->key[i] = program_call(p, SYS_pkey_alloc, IMM(0), IMM(0));
	for (int i = 0; i < KEYS; i++)
		program_call(p, SYS_pkey_free, RESULT(probes->key[i]));
	program_op(p, AGENT_ARCH, 0, IMM(AGENT_ARCH_WRPKRU), RESULT(rights));
}

static int collect(struct dump_task *t)
{
	struct probes *probes;

	if (t->zombie)
		return 0;
	for (size_t i = 0; i < t->n_vmas; i++)
		collect_area(t, &t->vmas[i]);
	probes = arena_new(dump_arena(t->dump), struct probes);
	*probes = (struct probes){ 0 };
	t->priv[SLOT_MM] = probes;
	probe_locking(t, probes);
	probe_keys(t, probes);
	return tags_collect(t);
}

static int examine(struct dump_task *t)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		collect_area(t, &t->vmas[i]);
	if (t == t->dump->tasks[0])
		sysv_judge(t->dump);
	return 0;
}

static int absorb(struct dump_task *t)
{
	const struct probes *probes = state_priv(t, SLOT_MM, struct probes);
	const struct program *p = t->threads[0].prog;
	int64_t map = program_result(p, probes->map);
	const unsigned char *resident = area_data(p->area, probes->resident);

	if (t == t->dump->tasks[0])
		sysv_judge(t->dump);
	if (map == -EAGAIN) { /* more than may be locked: so it would be locked */
		t->extra->has_lock_future = true;
		t->extra->lock_future = MCL_FUTURE;
	} else if (map >= 0 && program_result(p, probes->drop) == -EINVAL) {
		t->extra->has_lock_future = true;
		t->extra->lock_future = MCL_FUTURE | (*resident & 1 ? 0 : MCL_ONFAULT);
	}
	if (!probes->keys)
		return 0;
	t->extra->has_pkeys = true;
	t->extra->pkeys = ((1u << KEYS) - 1) & ~1u;
	for (int i = 0; i < KEYS; i++) {
		int64_t key = program_result(p, probes->key[i]);

		if (key >= 0 && key < KEYS)
			t->extra->pkeys &= ~(1u << key);
	}
	return 0;
}

static int write_images(struct dump *d)
{
	return segments_write(d);
}

/* --- restore ---------------------------------------------------------------------------------- */

const CrtoolsArea *area_extra(const struct restore_task *t, uint64_t start)
{
	size_t low = 0, high = t->extra ? t->extra->n_areas : 0;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->extra->areas[mid]->start < start)
			low = mid + 1;
		else
			high = mid;
	}
	if (t->extra && low < t->extra->n_areas && t->extra->areas[low]->start == start)
		return t->extra->areas[low];
	return NULL;
}

static const char *object_of(struct restore_task *t, uint64_t start)
{
	return arena_printf(restore_arena(t->r), "mapping %llx", (unsigned long long)start);
}

static bool have_keys(void)
{
	int key = syscall(SYS_pkey_alloc, 0, 0);

	if (key >= 0)
		syscall(SYS_pkey_free, key);
	return key >= 0;
}

static int check_extra(struct restore_task *t, const CrtoolsArea *e, uint64_t last)
{
	if (!e->has_start || e->start < last || (e->has_pkey && e->pkey >= KEYS) ||
	    (e->name && strlen(e->name) >= NAME_LIMIT))
		return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
				 "the entry of area %llx makes no sense",
				 (unsigned long long)e->start);
	if (e->sealed)
		restored_need(t->r, t->vpid, FEATURE_MSEAL, object_of(t, e->start),
			      "is sealed (mseal), which this kernel can't do");
	if (e->pkey && !have_keys())
		restored_refuse(t, object_of(t, e->start),
				"has a protection key, and this processor or kernel has none",
				"restore on a machine with protection keys (pku)");
	return 0;
}

static int check(struct restore_task *t)
{
	uint64_t last = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && t->extra && i < t->extra->n_areas; i++) {
		ret = check_extra(t, t->extra->areas[i], last);
		last = t->extra->areas[i]->start + 1;
	}
	return ret < 0 ? ret : tags_check(t);
}

static int prepare(struct restore_task *t)
{
	int ret = segments_seal(t);

	return ret < 0 ? ret : vdso_prepare(t);
}

/* Locked on fault first, which always works; then pages are brought in, as far as there are any (an
 * area without access, or beyond the end of its file, has none: mlock fails and it is locked). */
static void emit_lock(struct restore_task *t, const VmaEntry *e, const CrtoolsArea *x)
{
	struct program *p = t->threads[0].prog;
	uint64_t len = e->end - e->start;

	if (!(e->flags & MAP_LOCKED))
		return;
	program_note(p, "locked memory (RLIMIT_MEMLOCK, CAP_IPC_LOCK)");
	program_do(p, SYS_mlock2, IMM(e->start), IMM(len), IMM(MLOCK_ONFAULT));
	if (!x || !x->lock_on_fault)
		program_call(p, SYS_mlock, IMM(e->start), IMM(len));
}

static void emit_extra(struct restore_task *t, const VmaEntry *e, const CrtoolsArea *x)
{
	struct program *p = t->threads[0].prog;
	uint64_t len = e->end - e->start;

	if (x->pkey && (e->prot != PROT_EXEC || !(t->extra->pkeys & (1u << x->pkey)))) {
		program_note(p, "protection key");
		program_do(p, SYS_pkey_mprotect, IMM(e->start), IMM(len), IMM(e->prot),
			   IMM(x->pkey));
	}
	/* A kernel without names (CONFIG_ANON_VMA_NAME) has no use for them. */
	if (x->name)
		program_call(p, SYS_prctl, IMM(PR_SET_VMA), IMM(PR_SET_VMA_ANON_NAME),
			     IMM(e->start), IMM(len),
			     AREA(area_put(p->area, x->name, strlen(x->name) + 1)));
	if (x->sealed) {
		program_stage(p, STAGE_TASK);
		program_note(p, "sealed memory");
		program_do(p, SYS_mseal, IMM(e->start), IMM(len), IMM(0));
		program_stage(p, STAGE_PROTECT);
	}
}

/* The key that the kernel has taken for execute-only memory (__execute_only_pkey() in
 * arch/x86/mm/pkeys.c), which it gives to nobody and takes from nobody; 0: none. */
static int execute_only_key(const struct restore_task *t)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		const CrtoolsArea *x = area_extra(t, t->vmas[i].e->start);

		if (t->vmas[i].e->prot == PROT_EXEC && x && t->extra->pkeys & (1u << x->pkey) & ~1u)
			return x->pkey;
	}
	return 0;
}

/* The highest key that is allocated, or that an area has: the program may have freed it since
 * (pkey_free(2) does not look). */
static int highest_key(const struct restore_task *t)
{
	uint32_t keys = t->extra->pkeys;

	for (size_t i = 0; i < t->extra->n_areas; i++)
		keys |= 1u << t->extra->areas[i]->pkey;
	keys &= ~1u;
	return keys ? 31 - __builtin_clz(keys) : 0;
}

/* The kernel gives the lowest free key: all up to the highest are taken. Then the one for
 * execute-only memory is free while areas are protected, so that it becomes that again; and in the
 * end, when all areas have theirs, those are freed that were free. */
static void emit_keys(struct restore_task *t, int top)
{
	struct program *p = t->threads[0].prog;
	int exec_key = execute_only_key(t);

	if (!top)
		return;
	program_stage(p, STAGE_CONTENT);
	program_note(p, "protection keys");
	for (int key = 1; key <= top; key++)
		program_want(p, program_call(p, SYS_pkey_alloc, IMM(0), IMM(0)), key);
	if (exec_key)
		program_do(p, SYS_pkey_free, IMM(exec_key));
	program_stage(p, STAGE_PROTECT);
}

static void free_keys(struct restore_task *t, int top)
{
	program_note(t->threads[0].prog, "protection keys");
	for (int key = 1; key <= top; key++)
		if (!(t->extra->pkeys & (1u << key)))
			program_do(t->threads[0].prog, SYS_pkey_free, IMM(key));
}

static int emit(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;

	int top = t->extra ? highest_key(t) : 0;

	program_stage(p, STAGE_PROTECT);
	emit_keys(t, top);
	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct restore_vma *v = &t->vmas[i];
		const CrtoolsArea *x = area_extra(t, v->e->start);

		if (!v->placed)
			continue;
		emit_lock(t, v->e, x);
		if (x)
			emit_extra(t, v->e, x);
	}
	free_keys(t, top);
	if (t->extra && t->extra->lock_future) {
		program_stage(p, STAGE_RIGHTS);
		program_note(p, "locking of memory to come");
		program_do(p, SYS_mlockall,
			   IMM(t->extra->lock_future & (MCL_FUTURE | MCL_ONFAULT)));
	}
	return vdso_emit(t);
}

const struct state_class memory_state = {
	.name = "areas",
	.collect = collect,
	.examine = examine,
	.absorb = absorb,
	.write = write_images,
	.check = check,
	.prepare = prepare,
	.emit = emit,
};
