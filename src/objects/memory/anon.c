/* SPDX-License-Identifier: Apache-2.0 */
/* Private anonymous memory: heap, stacks, and what malloc maps. Contents are the pages room's. */
#include <string.h>
#include <sys/mman.h>

#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/restored.h"

/* Flags of the entry that mmap itself takes; the rest is advice and locking, done later. */
#define MAP_TIME_FLAGS (MAP_GROWSDOWN | MAP_NORESERVE)
/* On huge pages, with their size. */
#define HUGE_FLAGS (MAP_HUGETLB | (unsigned int)MAP_HUGE_MASK << MAP_HUGE_SHIFT)

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08 /* Linux 6.11 */
#endif

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	if (a->shared || a->vmflags & (VMF_(PFNMAP) | VMF_(IO) | VMF_(SHADOW_STACK)))
		return false;
	/* Has a file, that nobody else has. */
	if (a->vmflags & VMF_(HUGETLB))
		return !strcmp(a->path, "/anon_hugepage");
	if (a->ino)
		return false;
	return !a->path[0] || !strcmp(a->path, "[heap]") || !strncmp(a->path, "[stack", 6) ||
	       !strncmp(a->path, "[anon:", 6);
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	(void)t;
	e->status = VMA_AREA_REGULAR | VMA_ANON_PRIVATE;
	if (!strcmp(a->path, "[heap]"))
		e->status |= VMA_AREA_HEAP;
	e->flags |= MAP_ANONYMOUS | area_huge_flags(a);
	if (a->vmflags & VMF_(DROPPABLE))
		e->flags = (e->flags & ~MAP_PRIVATE) | MAP_DROPPABLE;
	e->pgoff = 0;
	return 0;
}

static bool claims(const VmaEntry *e)
{
	return (e->status & VMA_ANON_PRIVATE) &&
	       !(e->status & (VMA_AREA_VDSO | VMA_AREA_VVAR | VMA_AREA_VSYSCALL));
}

static bool is_droppable(const VmaEntry *e)
{
	return e->flags & MAP_DROPPABLE && !(e->flags & MAP_PRIVATE);
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	if (is_droppable(v->e))
		restored_need(
			t->r, t->vpid, FEATURE_MAP_DROPPABLE,
			arena_printf(restore_arena(t->r), "mapping %llx",
				     (unsigned long long)v->e->start),
			"is memory that the kernel may drop (MAP_DROPPABLE), which this kernel "
			"does not know");
	return 0;
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	flags |= is_droppable(v->e) ? MAP_DROPPABLE : MAP_PRIVATE;
	flags |= MAP_ANONYMOUS | (v->e->flags & MAP_TIME_FLAGS);
	if (v->e->flags & MAP_HUGETLB)
		flags |= v->e->flags & HUGE_FLAGS;
	return area_mmap(t, v, at, v->e->prot, flags, -1, 0);
}

const struct area_class anon_area = {
	.name = "private anonymous memory",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.place = place,
};
