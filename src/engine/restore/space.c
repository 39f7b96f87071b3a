/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a forked task. Each area is mapped at its own place at once, if the tool does not
 * happen to be there itself; else in the home range, from where the task's program moves it when
 * the tool is gone. Areas that a forker and a child of it both have, at the same address and of the
 * same object, are filled before the fork and inherited: pages that are equal stay shared.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/huge.h"
#include "engine/restore/restore.h"
#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/memory/tags.h"
#include "objects/registry.h"
#include "pages/fill.h"

#define MUCH (UINT64_C(32) << 20) /* bytes */

static bool is_private(const VmaEntry *e)
{
	return e->status & (VMA_ANON_PRIVATE | VMA_FILE_PRIVATE);
}

/* Could this area of a child have come from that area of its forker? */
static bool same_area(const VmaEntry *a, const VmaEntry *b)
{
	const uint32_t ignored = MAP_LOCKED;

	return a->start == b->start && a->end == b->end && a->status == b->status &&
	       a->shmid == b->shmid && a->pgoff == b->pgoff &&
	       (a->flags & ~ignored) == (b->flags & ~ignored) && is_private(a) &&
	       area_is_tagged(a) == area_is_tagged(b);
}

static struct restore_vma *area_at(struct restore_task *t, uint64_t start)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].e->start == start && !(t->vmas[i].e->status & VMA_AREA_GUARD))
			return &t->vmas[i];
	return NULL;
}

/* The forker's area that the program inherited and has moved since; NULL: there is none. */
static struct restore_vma *moved_from(struct restore_task *forker, const struct restore_task *t,
				      const VmaEntry *e)
{
	const CrtoolsArea *x = area_extra(t, e->start);
	struct restore_vma *v;

	if (!x || !x->has_moved_from || t->parent != forker)
		return NULL;
	v = area_at(forker, x->moved_from);
	if (!v || !v->class->place || !(v->e->status & VMA_ANON_PRIVATE) ||
	    v->e->status != e->status || v->e->end - v->e->start != e->end - e->start ||
	    v->e->flags != e->flags)
		return NULL;
	return v;
}

/* Both lists ascend: one walk finds all pairs. */
static void pair_with_child(struct restore_task *t, struct restore_task *child)
{
	size_t k = 0;

	for (size_t i = 0; i < child->n_vmas; i++) {
		const VmaEntry *e = child->vmas[i].e;
		struct restore_vma *moved;

		while (k < t->n_vmas && t->vmas[k].e->start < e->start)
			k++;
		if (k < t->n_vmas && t->vmas[k].class->place && same_area(t->vmas[k].e, e))
			t->vmas[k].shared_below = true;
		moved = moved_from(t, child, e);
		if (moved)
			moved->shared_below = true;
	}
}

/* Out of the way, into the home range; the program moves it on. */
static int take_moved(struct restore_task *t)
{
	for (size_t i = 0; t->forker && i < t->n_vmas; i++) {
		struct restore_vma *v = &t->vmas[i], *theirs = moved_from(t->forker, t, v->e);
		uint64_t len = v->e->end - v->e->start, at;

		if (!theirs || !theirs->placed || !theirs->shared_below)
			continue;
		at = stage_alloc(t->r, len);
		if (!at || mremap((void *)theirs->addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
				  at) == MAP_FAILED)
			return err_sys(restore_err(t->r), "mremap", "can't take over a moved area");
		v->addr = at;
		v->prot = theirs->prot;
		v->placed = v->inherited = true;
		theirs->placed = false; /* in this task's copy of the model */
	}
	return 0;
}

/* What the forker mapped and this task does not share goes; the rest is taken over. */
static int take_inheritance(struct restore_task *t)
{
	struct restore_task *f = t->forker;
	size_t k = 0;

	for (size_t i = 0; f && i < f->n_vmas; i++) {
		struct restore_vma *theirs = &f->vmas[i], *mine = NULL;

		if (!theirs->placed)
			continue;
		while (k < t->n_vmas && t->vmas[k].e->start < theirs->e->start)
			k++;
		if (k < t->n_vmas && theirs->shared_below && same_area(t->vmas[k].e, theirs->e))
			mine = &t->vmas[k];
		if (mine) {
			mine->addr = theirs->addr;
			mine->prot = theirs->prot;
			mine->placed = mine->inherited = true;
		} else if (munmap((void *)theirs->addr, theirs->e->end - theirs->e->start) < 0) {
			return err_sys(restore_err(t->r), "munmap", "can't drop an inherited area");
		}
	}
	return 0;
}

static int place_area(struct restore_task *t, struct restore_vma *v)
{
	uint64_t at = v->e->start;
	int ret = v->class->place(t, v, at, 0);

	if (ret != -EEXIST)
		return ret;
	at = stage_alloc(t->r, v->e->end - v->e->start);
	ret = at ? v->class->place(t, v, at, 0) : -ENOMEM;
	if (ret == -EEXIST || !at)
		return err_set(restore_err(t->r), ERR_RESOURCE, ENOMEM,
			       "no room in the address space for the area %llx-%llx",
			       (unsigned long long)v->e->start, (unsigned long long)v->e->end);
	return ret;
}

static bool is_advised(const VmaEntry *e, int advice)
{
	return e->has_madv && (e->madv & (UINT64_C(1) << advice));
}

static bool wants_huge(const VmaEntry *e)
{
	return is_advised(e, MADV_HUGEPAGE) && !(e->flags & MAP_HUGETLB);
}

/* Huge pages can't be written to by force (mm/gup.c, check_vma_flags). */
static int fill_protected(struct restore_task *t, struct restore_vma *v, struct fill *f)
{
	int prot = v->prot, ret;

	f->prot = PROT_READ | PROT_WRITE;
	if (mprotect((void *)v->addr, f->end - f->start, f->prot) < 0)
		return err_sys(restore_err(t->r), "mprotect", "can't open huge pages to fill them");
	ret = page_pool_fill(t->pages, f);
	if (ret == 0 && mprotect((void *)v->addr, f->end - f->start, prot) < 0)
		ret = err_sys(restore_err(t->r), "mprotect", "can't protect huge pages again");
	return ret;
}

/* What alike.c knows of is where it was in the forker, and is filled with what the images hold. */
static bool is_plain(const VmaEntry *e)
{
	return !(e->status & ~(VMA_AREA_REGULAR | VMA_AREA_STACK | VMA_AREA_HEAP |
			       VMA_ANON_PRIVATE | VMA_FILE_PRIVATE));
}

static int fill_area(struct restore_task *t, struct restore_vma *v)
{
	struct restore_task *from = t->forker;
	struct fill f = {
		.start = v->e->start,
		.end = v->e->end,
		.at = v->addr,
		.prot = v->prot,
		.anon = (v->e->status & VMA_ANON_PRIVATE) && !(v->e->flags & MAP_HUGETLB),
		.small = is_advised(v->e, MADV_NOHUGEPAGE),
		.huge = wants_huge(v->e),
		.compare = v->inherited,
		.had = v->inherited && from->pages ? &from->pages->x : NULL,
		.had_start = v->e->start,
	};
	const struct restore_vma *moved = from ? moved_from(from, t, v->e) : NULL;

	if (moved)
		f.had_start = moved->e->start;
	else if (v->inherited && is_plain(v->e))
		f.alike = t->alike;

	if (!is_private(v->e) || !v->placed)
		return 0;
	if (f.compare && !f.had)
		f.had = &t->pages->x;
	if (v->e->flags & MAP_HUGETLB && !(v->prot & PROT_WRITE))
		return fill_protected(t, v, &f);
	/* Before the first page comes, so that huge ones can come. */
	if (f.huge && !v->inherited &&
	    madvise((void *)v->addr, f.end - f.start, MADV_HUGEPAGE) < 0 && errno != EINVAL)
		return err_sys(restore_err(t->r), "madvise", "can't ask for huge pages");
	return page_pool_fill(t->pages, &f);
}

/* Tags belong to pages: they come when the pages are there. */
static int tag_area(struct restore_task *t, const struct restore_vma *v)
{
	const struct restore_vma *moved;

	if (!area_is_tagged(v->e))
		return 0;
	moved = v->inherited ? moved_from(t->forker, t, v->e) : NULL;
	return tags_put(t, v, !v->inherited ? 0 : moved ? moved->e->start : v->e->start);
}

/* Is there an area that a huge page fits in, or a row of small ones that are filled as one. */
static bool has_room_for_huge(const struct restore_task *t)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].e->status & VMA_ANON_PRIVATE &&
		    t->vmas[i].e->end - t->vmas[i].e->start >= HUGE_MIN)
			return true;
	return t->pages->x.bytes >= HUGE_MIN;
}

static int open_pages(struct restore_task *t)
{
	int ret;

	if (t->pages)
		return 0;
	t->pages = arena_new(restore_arena(t->r), struct page_pool);
	ret = page_pool_open(t->pages, t->r->s->images, IMAGE_PAGEMAP, t->vpid, restore_err(t->r));
	t->pages->tally = &t->r->shared->filled;
	t->pages->huge_always = has_room_for_huge(t) && huge_pages() == HUGE_ALWAYS;
	if (ret == 0 && t->pages->fd >= 0) {
		ret = service_fd(t->r, t->pages->fd);
		t->pages->fd = ret;
	}
	return ret < 0 ? ret : 0;
}

/* Much memory is filled by several threads, when all tasks have their ids. */
static void allow_workers(struct restore_task *t)
{
	cpu_set_t cpus;

	if (t->pages->x.bytes < MUCH || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	t->pages->workers = CPU_COUNT(&cpus);
	if (t->pages->workers > FILL_WORKERS_MAX)
		t->pages->workers = FILL_WORKERS_MAX;
	if (t->pages->workers > 1)
		task_wait(t->r, &t->r->shared->born, t->r->n_tasks);
}

/* --- runs ----------------------------------------------------------------------------------- */

#define RUN_AREA (64u << 10) /* bytes: the largest area of a run */
#define RUN_MIN	 4	     /* areas: fewer are not worth it */

/* Writable for a moment, it must not take memory from the overcommit limit that is worth the word,
 * nor ever have been writable and executable. */
static bool fits_run(const struct restore_vma *v, bool for_children)
{
	const VmaEntry *e = v->e;

	return v->shared_below == for_children && !v->inherited && !v->placed &&
	       e->status == (VMA_AREA_REGULAR | VMA_ANON_PRIVATE) &&
	       e->flags == (MAP_PRIVATE | MAP_ANONYMOUS) && !(e->prot & PROT_EXEC) &&
	       !wants_huge(e) && !area_is_tagged(e) && e->end - e->start <= RUN_AREA;
}

/* How many areas from here on touch each other and differ in nothing that mprotect can't set. */
static size_t run_length(const struct restore_task *t, size_t first, bool for_children)
{
	size_t i = first;

	while (i < t->n_vmas && fits_run(&t->vmas[i], for_children) &&
	       (i == first || t->vmas[i].e->start == t->vmas[i - 1].e->end))
		i++;
	return i - first;
}

struct run {
	struct restore_task *t;
	struct restore_vma *v;
	size_t n;
};

static int protect_run(const struct fill *f)
{
	const struct run *run = f->run;

	for (size_t i = 0; i < run->n; i++) {
		const VmaEntry *e = run->v[i].e;

		run->v[i].addr = e->start;
		run->v[i].prot = e->prot;
		run->v[i].placed = true;
		if (e->prot != (PROT_READ | PROT_WRITE) &&
		    mprotect((void *)e->start, e->end - e->start, e->prot) < 0)
			return err_sys(restore_err(run->t->r), "mprotect",
				       "can't protect the area %llx-%llx",
				       (unsigned long long)e->start, (unsigned long long)e->end);
	}
	return 0;
}

/* Neighbours with equal protection may be one area for the kernel: then the bound is a needless
 * one, which does no harm. */
static uint64_t bound_of_run(const struct fill *f, uint64_t addr, size_t *hint)
{
	const struct run *run = f->run;
	size_t low = 0, high = run->n - 1;

	if (*hint < run->n && run->v[*hint].e->start == addr)
		return run->v[(*hint)++].e->end;
	while (low < high) {
		size_t mid = (low + high + 1) / 2;

		if (run->v[mid].e->start <= addr)
			low = mid;
		else
			high = mid - 1;
	}
	*hint = low + 1;
	return run->v[low].e->end;
}

/* Thousands of small neighbours are mapped as one, then protected one by one, and filled. Where
 * that can't be, *ret_n is 0, and they are placed singly. */
static int place_run(struct restore_task *t, size_t first, bool for_children, size_t *ret_n)
{
	size_t n = run_length(t, first, for_children);
	struct run run = { t, &t->vmas[first], n };
	struct fill f = { .prot = PROT_READ | PROT_WRITE,
			  .anon = true,
			  .cut = protect_run,
			  .bound = bound_of_run,
			  .run = &run };

	*ret_n = 0;
	if (n < RUN_MIN)
		return 0;
	f.start = f.at = run.v[0].e->start;
	f.end = run.v[n - 1].e->end;
	if (mmap((void *)f.at, f.end - f.start, f.prot,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)f.at)
		return 0;
	*ret_n = n;
	return page_pool_fill(t->pages, &f);
}

/* --- all areas ------------------------------------------------------------------------------- */

int place_areas(struct restore_task *t, bool for_children)
{
	bool lives = !t->zombie && !t->helper;
	int ret = 0;

	if (for_children) {
		for (size_t i = 0; i < t->n_brood; i++)
			pair_with_child(t, t->brood[i]);
		ret = take_moved(t);
		if (ret == 0)
			ret = take_inheritance(t);
	}
	if (ret == 0 && lives)
		ret = open_pages(t);
	if (ret == 0 && lives && !for_children)
		allow_workers(t);
	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++) {
		struct restore_vma *v = &t->vmas[i];
		size_t n;

		ret = place_run(t, i, for_children, &n);
		if (ret < 0 || n) {
			i += n ? n - 1 : 0;
			continue;
		}
		/* Each area is done once: what children inherit before they are forked. */
		if (!v->class->place || v->shared_below != for_children)
			continue;
		if (!v->inherited)
			ret = place_area(t, v);
		if (ret == 0)
			ret = fill_area(t, v);
		if (ret == 0)
			ret = tag_area(t, v);
	}
	if (!for_children && t->pages && ret == 0) {
		atomic_fetch_add(&t->r->shared->pages_restored, t->pages->filled);
		atomic_fetch_add(&t->r->shared->pages_compared, t->pages->compared);
		atomic_fetch_add(&t->r->shared->pages_skipped_cow, t->pages->kept);
		page_pool_leave(t->pages);
	}
	return ret;
}
