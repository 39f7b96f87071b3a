/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages a task and its forker have alike, told by their images before anything is forked.
 * What a task inherits stays shared with its forker where the contents are the same (space.c). To
 * find that out in the forked task, both pages have to be touched there, and each page that a new
 * address space touches first costs as much as reading and comparing it several times over: half a
 * microsecond where the processor walks the page tables itself, five to ten where a hypervisor
 * shadows them. The tool compares in two buffers that stay in the cache.
 *
 * A forker's memory is what its image says by the time that it forks, in every page that it holds:
 * it was filled with it, or compared with it and found the same. Tasks with much memory are left to
 * themselves: they compare at the same time, each its own.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/team.h"
#include "engine/restore/restore.h"
#include "image/constants.h"
#include "image/pagemap.h"
#include "pages/extents.h"

#define LITTLE (512u << 10) /* bytes of pages that a task may have */
#define WORTH  32	    /* a thread's start is worth so many tasks */

/* All that an image holds of a task's pages. */
struct side {
	const struct restore_task *task; /* NULL: nobody's yet, or it could not be read */
	struct page_extents x;
	char *bytes; /* LITTLE of them */
};

struct alike {
	struct restore *r;
	struct restore_task **tasks;
	size_t n;
	struct worker {
		struct side forker, own;
		struct arena arena;
	} workers[TEAM_MAX];
};

/* What is wrong with an image is for the task to tell, which reads it again. */
static bool read_side(const struct restore *r, struct side *s, const struct restore_task *t)
{
	_cleanup_fd_ int fd = -1;
	uint32_t pages_id;

	if (s->task == t)
		return true;
	s->task = NULL;
	page_extents_free(&s->x);
	if (page_extents_read(&s->x, r->s->images, IMAGE_PAGEMAP, t->vpid, &pages_id, NULL) < 0 ||
	    !s->x.bytes || s->x.bytes > LITTLE ||
	    image_dir_open_raw(r->s->images, IMAGE_PAGES, pages_id, O_RDONLY, NULL, &fd) < 0)
		return false;
	if (!s->bytes) {
		void *p = mmap(NULL, LITTLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED)
			return false;
		s->bytes = p;
	}
	if (pread_full(fd, s->bytes, s->x.bytes, 0) < 0)
		return false;
	s->task = t;
	return true;
}

/* Both lists ascend: one walk finds all pages that both have. */
static void compare_sides(const struct side *forker, const struct side *own, unsigned char *alike)
{
	size_t k = 0;

	for (size_t i = 0; i < own->x.n; i++) {
		const struct page_extent *e = &own->x.e[i], *f;

		for (uint64_t at = e->start; e->flags & PE_PRESENT && at < e->end;
		     at += PAGE_SIZE_) {
			uint64_t off = e->file_off + (at - e->start);
			const char *theirs;

			while (k < forker->x.n && forker->x.e[k].end <= at)
				k++;
			if (k == forker->x.n)
				return;
			f = &forker->x.e[k];
			if (f->start > at || !(f->flags & PE_PRESENT))
				continue;
			theirs = forker->bytes + f->file_off + (at - f->start);
			alike[off / PAGE_SIZE_] = !memcmp(own->bytes + off, theirs, PAGE_SIZE_);
		}
	}
}

static int compare_task(void *data, size_t who, size_t part)
{
	struct alike *a = data;
	struct worker *w = &a->workers[who];
	struct restore_task *t = a->tasks[part];
	unsigned char *alike;

	if (!read_side(a->r, &w->forker, t->forker) || !read_side(a->r, &w->own, t))
		return 0;
	alike = arena_alloc(&w->arena, w->own.x.bytes / PAGE_SIZE_);
	compare_sides(&w->forker, &w->own, alike);
	t->alike = alike;
	return 0;
}

static bool has_memory(const struct restore_task *t)
{
	return !t->zombie && !t->helper;
}

/* Decoded now, by one thread, a pagemap is only read by those of the team. */
static bool has_pages(const struct restore *r, const struct restore_task *t)
{
	const struct pagemap_image *p;

	return has_memory(t) && image_dir_has(r->s->images, IMAGE_PAGEMAP, t->vpid) &&
	       image_read_pagemap(r->s->images, IMAGE_PAGEMAP, t->vpid, restore_arena(r), NULL,
				  &p) == 0;
}

static void end_side(struct side *s)
{
	page_extents_free(&s->x);
	if (s->bytes)
		munmap(s->bytes, LITTLE);
}

int find_alike(struct restore *r)
{
	struct alike a = {
		.r = r, .tasks = arena_array(restore_arena(r), struct restore_task *, r->n_tasks)
	};
	size_t size;

	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->forker && has_pages(r, t->forker) && has_pages(r, t))
			a.tasks[a.n++] = t;
	}
	if (!a.n)
		return 0;
	size = team_size(a.n, WORTH);
	team_run(size, a.n, compare_task, &a);
	if (size > 1) /* a task of the tree may need the id of one of us */
		team_await_alone();
	for (size_t i = 0; i < TEAM_MAX; i++) {
		arena_adopt(restore_arena(r), &a.workers[i].arena);
		end_side(&a.workers[i].forker);
		end_side(&a.workers[i].own);
	}
	return 0;
}
