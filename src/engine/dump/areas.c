/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map of each task: what is common to all areas; the class of the area does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/team.h"
#include "engine/dump/dump.h"
#include "image/constants.h"
#include "objects/memory/tags.h"
#include "objects/registry.h"

static const struct {
	uint64_t vmflag;
	uint32_t flag; /* of mmap(2) */
} mmap_flags[] = {
	{ VMF_(GROWSDOWN), MAP_GROWSDOWN },
	{ VMF_(LOCKED), MAP_LOCKED },
	{ VMF_(NORESERVE), MAP_NORESERVE },
};

static const struct {
	uint64_t vmflag;
	int advice; /* of madvise(2) */
} advices[] = {
	{ VMF_(RAND_READ), MADV_RANDOM },  { VMF_(SEQ_READ), MADV_SEQUENTIAL },
	{ VMF_(DONTCOPY), MADV_DONTFORK }, { VMF_(MERGEABLE), MADV_MERGEABLE },
	{ VMF_(HUGEPAGE), MADV_HUGEPAGE }, { VMF_(NOHUGEPAGE), MADV_NOHUGEPAGE },
	{ VMF_(DONTDUMP), MADV_DONTDUMP }, { VMF_(WIPEONFORK), MADV_WIPEONFORK },
};

static void fill_common(const struct proc_area *a, VmaEntry *e)
{
	uint64_t madv = 0;

	e->start = a->start;
	e->end = a->end;
	e->pgoff = a->offset;
	e->prot = a->prot | area_guards(a);
	e->flags = a->shared ? MAP_SHARED : MAP_PRIVATE;
	e->fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(mmap_flags); i++)
		if (a->vmflags & mmap_flags[i].vmflag)
			e->flags |= mmap_flags[i].flag;
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if (a->vmflags & advices[i].vmflag)
			madv |= UINT64_C(1) << advices[i].advice;
	e->has_madv = madv != 0;
	e->madv = madv;
}

static int collect_area(struct dump_task *t, const struct proc_area *area)
{
	struct arena *a = dump_arena(t->dump);
	const struct area_class *class = NULL;
	VmaEntry *e = arena_msg(a, VmaEntry, vma_entry);
	int ret;

	for (size_t i = 0; area_classes[i]; i++)
		if (area_classes[i]->match(t, area)) {
			class = area_classes[i];
			break;
		}
	if (!class) {
		task_refuse(t,
			    arena_printf(a, "mapping %llx-%llx (%s)",
					 (unsigned long long)area->start,
					 (unsigned long long)area->end, area->path),
			    "is of a kind that can't be kept", "");
		return 0;
	}
	fill_common(area, e);
	ret = class->collect(t, area, e);
	if (ret < 0 || !e->status)
		return ret;
	t->vmas[t->n_vmas++] = (struct dump_area){ area, e, class };
	return 0;
}

static void fill_mm(struct dump_task *t)
{
	const struct proc_stat *stat = &t->stat;

	t->mm->mm_start_code = stat->startcode;
	t->mm->mm_end_code = stat->endcode;
	t->mm->mm_start_data = stat->start_data;
	t->mm->mm_end_data = stat->end_data;
	t->mm->mm_start_stack = stat->startstack;
	t->mm->mm_start_brk = stat->start_brk;
	t->mm->mm_arg_start = stat->arg_start;
	t->mm->mm_arg_end = stat->arg_end;
	t->mm->mm_env_start = stat->env_start;
	t->mm->mm_env_end = stat->env_end;
}

/* As the kernel holds it, packed into words of 8 bytes, without the pair AT_NULL, which the kernel
 * adds: CRIU takes 44 words at most. */
static int collect_auxv(struct dump_task *t)
{
	bool compat = regs_compat(&t->threads[0].stop->regs);
	size_t pair = compat ? 8 : 16, size;
	struct arena *a = dump_arena(t->dump);
	struct proc_auxv auxv;
	int ret = proc_auxv(&t->stop->proc, compat, a, &auxv, dump_err(t->dump));

	if (ret < 0)
		return ret;
	size = auxv.n * pair < auxv.raw_len ? auxv.n * pair : auxv.raw_len;
	t->mm->n_mm_saved_auxv = size / 8;
	t->mm->mm_saved_auxv = arena_memdup(a, auxv.raw, size);
	return 0;
}

struct looking {
	struct dump_task *t;
	struct page_runs *pages;
};

enum { LOOK_AREAS, LOOK_PAGES, LOOKS };

static int look_part(void *data, size_t who, size_t part)
{
	const struct looking *l = data;
	struct reader r = dump_reader(l->t->dump);

	(void)who;
	if (part == LOOK_AREAS)
		return look_at_areas(l->t, &r);
	search_early(l->t, l->pages);
	return 0;
}

static int collect_task_areas(struct dump_task *t)
{
	_cleanup_(page_runs_free) struct page_runs pages = { 0 };
	struct looking looking = { t, &pages };
	struct arena *a = dump_arena(t->dump);
	size_t looks = worth_early_search(t) ? team_size(LOOKS, 1) : 1;
	int ret;

	t->mm = arena_msg(a, MmEntry, mm_entry);
	fill_mm(t);
	ret = team_run(looks, looks, look_part, &looking);
	if (ret == 0)
		ret = collect_auxv(t);
	if (ret < 0)
		return ret;
	t->vmas = arena_array(a, struct dump_area, t->areas.n);
	for (size_t i = 0; ret == 0 && i < t->areas.n; i++) {
		ret = collect_area(t, &t->areas.areas[i]);
		if (dump_vanished(t->dump, ret))
			ret = 0;
	}
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < t->n_vmas; i++)
		arena_push(a, t->mm->vmas, t->mm->n_vmas, t->vmas[i].vma);
	ret = collect_pages(t, &pages);
	if (ret < 0)
		return ret;
	return dump_file_by_link(t, "exe", O_RDONLY, &t->mm->exe_file_id);
}

int collect_areas(struct dump *d)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];
		int ret = t->zombie ? 0 : collect_task_areas(t);

		if (ret < 0)
			return err_add_pid(dump_err(d), t->vpid, ret);
	}
	return 0;
}
