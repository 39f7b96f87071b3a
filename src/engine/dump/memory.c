/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of private memory: which pages (kernel/pagemap.h), into which extents. saving.c
 * takes them to the pages file. Shared memory is the business of its class.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"
#include "image/constants.h"
#include "kernel/pagemap.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"

#define LOOK 16 /* pages of a run that are compared with another task's */

/* Memory whose pages may come later at a restore (userfaultfd): plain private anonymous memory. */
static bool may_be_lazy(const VmaEntry *e)
{
	return (e->status & VMA_ANON_PRIVATE) && (e->flags & MAP_ANONYMOUS) &&
	       !(e->flags & (MAP_LOCKED | MAP_HUGETLB)) &&
	       !(e->status & (VMA_AREA_VDSO | VMA_AREA_VVAR | VMA_AREA_VSYSCALL));
}

static bool has_pages(const VmaEntry *e)
{
	if (e->status & (VMA_AREA_VVAR | VMA_AREA_GUARD | VMA_AREA_VSYSCALL | VMA_AREA_VDSO))
		return false;
	return (e->status & VMA_AREA_REGULAR) &&
	       (e->status & (VMA_ANON_PRIVATE | VMA_FILE_PRIVATE));
}

static bool may_hide_guards(const VmaEntry *e)
{
	return (e->status & VMA_AREA_REGULAR) && !has_pages(e) && !(e->flags & MAP_HUGETLB);
}

/* Contents saved whether or not the page tables show them. */
bool saved_whole(const VmaEntry *e)
{
	return e->status & (VMA_AREA_VDSO | VMA_AREA_AIORING);
}

/* The pages in which threads have their stack pointers are needed at once. */
static bool holds_stack_pointer(const struct dump_task *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		uint64_t sp = regs_sp(&t->threads[i].stop->regs);

		if (sp >= start && sp < end)
			return true;
	}
	return false;
}

static void add_run(const struct dump_task *t, struct page_extents *x, const struct dump_area *da,
		    uint64_t start, uint64_t end)
{
	uint32_t lazy = may_be_lazy(da->vma) ? PE_LAZY : 0;
	uint32_t flags = PE_PRESENT | (da->area->shared_dirty_kb ? PE_IN_COMMON : 0);

	if (lazy && holds_stack_pointer(t, start, end)) {
		for (uint64_t page = start; page < end; page += PAGE_SIZE_)
			page_extents_add(x, page, page + PAGE_SIZE_,
					 holds_stack_pointer(t, page, page + PAGE_SIZE_)
						 ? flags
						 : flags | lazy);
		return;
	}
	page_extents_add(x, start, end, flags | lazy);
}

/* Guards count as swapped; so one search finds them along with the pages. */
static const struct pagemap_cond kept_or_guard = {
	.inverted = PM_FILE | PM_ZERO,
	.all = PM_FILE | PM_ZERO,
	.any = PM_PRESENT | PM_SWAPPED,
};

static const struct pagemap_cond *wanted_pages(const struct pagemap *pm, uint32_t *ret_want)
{
	*ret_want = pm->guard ? PM_GUARD : 0;
	return pm->guard ? &kept_or_guard : &PAGEMAP_PRIVATE;
}

/* What of the wanted areas' pages fits the condition; all, unless NULL, is what of the whole
 * address space does. */
static int search(struct dump_task *t, struct pagemap *pm, bool (*wanted)(const VmaEntry *e),
		  const struct pagemap_cond *cond, uint32_t want, struct page_runs *all,
		  struct page_runs *runs)
{
	_cleanup_free_ struct page_span *spans = calloc(t->n_vmas + 1, sizeof(*spans));
	struct err *err = dump_err(t->dump);
	size_t n = 0;

	if (!spans)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for %zu areas", t->n_vmas);
	for (size_t i = 0; i < t->n_vmas; i++)
		if (wanted(t->vmas[i].vma))
			spans[n++] =
				(struct page_span){ t->vmas[i].vma->start, t->vmas[i].vma->end };
	if (all && page_runs_cut(all, spans, n, runs) < 0)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for page runs");
	return n && !all ? pagemap_find(pm, spans, n, cond, want, runs, err) : 0;
}

#define MUCH UINT64_C(16384) /* kB of pages whose search is worth a thread */

/*
 * The search for pages and smaps each walk all page tables, and the search needs nothing of smaps
 * but the bounds of areas. It is done at the same time where most pages are private; in those of a
 * large segment that is mapped as well it would look for nothing.
 */
bool worth_early_search(const struct dump_task *t)
{
	const struct proc_status *s = t->status;

	return !t->dump->examining && !t->areas.n && s->rss_anon >= MUCH &&
	       s->rss_anon > s->rss_file + s->rss_shmem;
}

void search_early(struct dump_task *t, struct page_runs *all)
{
	const struct pagemap_cond *cond;
	struct pagemap pm;
	uint32_t want;

	if (pagemap_open(&pm, &t->stop->proc, NULL) < 0)
		return;
	cond = wanted_pages(&pm, &want);
	if (pagemap_find_all(&pm, cond, want, all, NULL) < 0)
		page_runs_free(all);
	pagemap_close(&pm);
}

static void add_guard(struct dump_task *t, const struct page_run *run)
{
	VmaEntry *e = arena_msg(dump_arena(t->dump), VmaEntry, vma_entry);

	e->start = run->start;
	e->end = run->end;
	e->status = VMA_AREA_GUARD;
	e->fd = -1;
	arena_push(dump_arena(t->dump), t->mm->vmas, t->mm->n_vmas, e);
}

static void add_guards(struct dump_task *t, const struct page_runs *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		if (runs->runs[i].categories & PM_GUARD)
			add_guard(t, &runs->runs[i]);
}

/* Pages, with the guards among them, and guards in shared memory (Linux 6.15), of which no page is
 * looked for. */
static int find_pages(struct dump_task *t, struct page_runs *all, struct page_runs *runs)
{
	struct page_runs guards = { 0 };
	const struct pagemap_cond *cond;
	struct pagemap pm;
	uint32_t want;
	int ret = pagemap_open(&pm, &t->stop->proc, dump_err(t->dump));

	if (ret < 0)
		return ret;
	cond = wanted_pages(&pm, &want);
	ret = search(t, &pm, has_pages, cond, want, all->n ? all : NULL, runs);
	if (ret == 0 && pm.guard)
		ret = search(t, &pm, may_hide_guards, &PAGEMAP_GUARD, PM_GUARD, NULL, &guards);
	pagemap_close(&pm);
	add_guards(t, runs);
	add_guards(t, &guards);
	page_runs_free(&guards);
	return ret;
}

/* Areas ascend, as /proc lists them. */
static const struct dump_area *same_place(const struct dump_task *t, const VmaEntry *e)
{
	size_t low = 0, high = t->n_vmas;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->vmas[mid].vma->start < e->start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n_vmas && t->vmas[low].vma->start == e->start &&
			       t->vmas[low].vma->end == e->end
		       ? &t->vmas[low]
		       : NULL;
}

/* Do both areas have a page in common, at the same offset? Only root may know. */
static bool share_pages(struct pagemap *child, struct pagemap *parent, const struct page_runs *runs,
			const VmaEntry *e, const VmaEntry *from)
{
	uint64_t a[LOOK], b[LOOK];

	for (size_t i = 0; i < runs->n; i++) {
		uint64_t start = runs->runs[i].start > e->start ? runs->runs[i].start : e->start;
		uint64_t end = runs->runs[i].end < e->end ? runs->runs[i].end : e->end;
		size_t n = start < end ? (end - start) / PAGE_SIZE_ : 0;

		if (!n)
			continue;
		n = n < LOOK ? n : LOOK;
		if (pagemap_pfns(child, start, a, n, NULL) < 0 ||
		    pagemap_pfns(parent, start - e->start + from->start, b, n, NULL) < 0)
			return false;
		for (size_t k = 0; k < n; k++)
			if (a[k] && a[k] == b[k])
				return true;
	}
	return false;
}

static bool may_have_moved(const VmaEntry *e)
{
	return (e->status & (VMA_ANON_PRIVATE | VMA_AREA_VDSO | VMA_AREA_VVAR |
			     VMA_AREA_VSYSCALL)) == VMA_ANON_PRIVATE;
}

static void find_source(struct dump_task *t, const struct dump_area *da,
			const struct page_runs *runs, struct pagemap *mine, struct pagemap *theirs)
{
	const VmaEntry *e = da->vma;

	for (size_t i = 0; i < t->parent->n_vmas; i++) {
		const VmaEntry *from = t->parent->vmas[i].vma;

		if (from->end - from->start != e->end - e->start || from->flags != e->flags ||
		    from->status != e->status || same_place(t, from) ||
		    !share_pages(mine, theirs, runs, e, from))
			continue;
		area_extra_make(t, e->start)->has_moved_from = true;
		area_extra_make(t, e->start)->moved_from = from->start;
		return;
	}
}

/* Memory that was inherited and then moved (mremap) still has its pages in common with the
 * parent's. */
static int find_moved(struct dump_task *t, const struct page_runs *runs)
{
	struct pagemap mine = { .fd = -1 }, theirs = { .fd = -1 };
	int ret = 0;

	for (size_t i = 0; t->parent && !t->parent->zombie && ret == 0 && i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;

		if (!may_have_moved(e) || same_place(t->parent, e))
			continue;
		if (mine.fd < 0) {
			ret = pagemap_open(&mine, &t->stop->proc, dump_err(t->dump));
			if (ret == 0)
				ret = pagemap_open(&theirs, &t->parent->stop->proc,
						   dump_err(t->dump));
		}
		if (ret == 0)
			find_source(t, &t->vmas[i], runs, &mine, &theirs);
	}
	pagemap_close(&mine);
	pagemap_close(&theirs);
	return ret;
}

int collect_pages(struct dump_task *t, struct page_runs *all)
{
	struct page_runs *runs = arena_new(dump_arena(t->dump), struct page_runs);
	int ret;

	*runs = (struct page_runs){ 0 };
	t->priv[SLOT_PAGES] = runs;
	ret = find_pages(t, all, runs);
	return ret < 0 ? ret : find_moved(t, runs);
}

void build_extents(struct dump_task *t, struct page_extents *x)
{
	struct page_runs *runs = t->priv[SLOT_PAGES];
	size_t r = 0;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;

		if (saved_whole(e)) {
			page_extents_add(x, e->start, e->end, PE_PRESENT);
			continue;
		}
		if (!has_pages(e))
			continue;
		while (r < runs->n && runs->runs[r].end <= e->start)
			r++;
		for (size_t k = r; k < runs->n && runs->runs[k].start < e->end; k++) {
			uint64_t start = runs->runs[k].start, end = runs->runs[k].end;

			if (runs->runs[k].categories & PM_GUARD)
				continue;
			add_run(t, x, &t->vmas[i], start > e->start ? start : e->start,
				end < e->end ? end : e->end);
		}
	}
	page_runs_free(runs);
}
