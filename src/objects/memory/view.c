/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory that no descriptor of the tree leads to, where /proc/PID/map_files is closed to the
 * tool (lookup.c): all that can be seen of it are its mappings. A memfd of the tool's own, which
 * stays empty, stands for the inode; contents are read through the mappings, once for each part of
 * the file. A look at a page that tmpfs has not got would make one, so the tasks ask mincore(2)
 * first, which tells what is in the page cache; where parts are swapped out, which mincore does not
 * tell from holes, all is read.
 *
 * Lost is what no mapping shows: parts of the file that nobody has mapped any more, and seals.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/segments.h"

/* A mapping of it. */
struct view {
	struct dump_task *task;
	const struct proc_area *area;
	uint64_t reserved;
	call_id asked;
	bool is_asked;
	const unsigned char *there; /* a byte a page; NULL: read all */
};

struct viewed {
	uint64_t ino;  /* as maps shows it */
	ino_t own_ino; /* of the memfd that stands for it */
	const char *link;
	struct view *views; /* by their place in the file */
	size_t n;
};

struct views {
	struct viewed **list;
	size_t n;
};

static uint64_t length(const struct view *v)
{
	return v->area->end - v->area->start;
}

static uint64_t view_end(const struct view *v)
{
	return v->area->offset + length(v);
}

static void add_view(struct dump_task *t, struct viewed *m, const struct proc_area *a)
{
	struct view new = { .task = t, .area = a };
	size_t at = m->n;

	arena_push(dump_arena(t->dump), m->views, m->n, new);
	for (; at > 0 && m->views[at - 1].area->offset > a->offset; at--)
		m->views[at] = m->views[at - 1];
	m->views[at] = new;
}

const char *view_known(struct dump_task *t, const struct proc_area *a)
{
	const struct views *all = t->dump->priv[SLOT_VIEWS];

	if (!segment_is_shmem(a->major, a->minor))
		return NULL;
	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->ino == a->ino) {
			if (a->shared)
				add_view(t, all->list[i], a);
			return all->list[i]->link;
		}
	return NULL;
}

/* Shared anonymous memory is called /dev/zero, and may have been given a name (prctl). */
static const char *name_of(const struct proc_area *a)
{
	return !strncmp(a->path, "/memfd:", 7) ? a->path + 7 : "/dev/zero";
}

const char *view_make(struct dump_task *t, const struct proc_area *a)
{
	struct dump *d = t->dump;
	struct views *all = d->priv[SLOT_VIEWS];
	_cleanup_fd_ int fd = -1;
	struct viewed *m;
	struct stat st;

	if (!a->shared || a->vmflags & VMF_(HUGETLB) || !segment_is_shmem(a->major, a->minor) ||
	    segment_is_sysv(a))
		return NULL;
	fd = memfd_create(name_of(a), MFD_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (fchown(fd, t->status->uid[1], t->status->gid[1]) < 0)
		return NULL;
	if (!all)
		all = d->priv[SLOT_VIEWS] = arena_new(dump_arena(d), struct views);
	m = arena_new(dump_arena(d), struct viewed);
	*m = (struct viewed){ .ino = a->ino,
			      .own_ino = st.st_ino,
			      .link = area_keep_fd(d, TAKE_FD(fd)) };
	arena_push(dump_arena(d), all->list, all->n, m);
	add_view(t, m, a);
	if (!strncmp(a->path, "/memfd:", 7))
		task_warn(t, area_object(dump_arena(d), a),
			  "is memory that no descriptor leads to, seen through its mappings only: "
			  "its seals, and what is not mapped of it, are lost",
			  "Give crtools CAP_CHECKPOINT_RESTORE, and run it outside of a user "
			  "namespace.");
	return m->link;
}

struct viewed *view_of_inode(const struct dump *d, ino_t ino)
{
	const struct views *all = d->priv[SLOT_VIEWS];

	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->own_ino == ino)
			return all->list[i];
	return NULL;
}

uint64_t view_size(const struct viewed *m)
{
	uint64_t size = 0;

	for (size_t i = 0; i < m->n; i++)
		if (view_end(&m->views[i]) > size)
			size = view_end(&m->views[i]);
	return size;
}

/* --- which pages are there? ------------------------------------------------------------------- */

static int collect(struct dump_task *t)
{
	const struct views *all = t->dump->priv[SLOT_VIEWS];

	for (size_t i = 0; all && i < all->n; i++)
		for (size_t k = 0; k < all->list[i]->n; k++) {
			struct view *v = &all->list[i]->views[k];
			struct program *p;

			if (v->task != t || v->area->swap_kb)
				continue;
			p = t->threads[0].prog;
			program_note(p, "pages of shared memory");
			v->reserved = area_reserve(p->area, length(v) / PAGE_SIZE_);
			v->asked = program_call(p, SYS_mincore, IMM(v->area->start), IMM(length(v)),
						AREA(v->reserved));
			v->is_asked = true;
		}
	return 0;
}

static int absorb(struct dump_task *t)
{
	const struct views *all = t->dump->priv[SLOT_VIEWS];

	for (size_t i = 0; all && i < all->n; i++)
		for (size_t k = 0; k < all->list[i]->n; k++) {
			struct view *v = &all->list[i]->views[k];
			const struct program *p;

			if (v->task != t || !v->is_asked)
				continue;
			p = t->threads[0].prog;
			if (program_result(p, v->asked) == 0)
				v->there = arena_memdup(dump_arena(t->dump),
							area_data(p->area, v->reserved),
							length(v) / PAGE_SIZE_);
		}
	return 0;
}

const struct state_class view_state = {
	.name = "views of shared memory",
	.collect = collect,
	.absorb = absorb,
};

/* --- contents --------------------------------------------------------------------------------- */

struct view_source {
	struct page_source src; /* the first: what read() is given */
	const struct viewed *m;
};

/* The mapping that shows a place of the file; rather one that may be read. */
static const struct view *view_at(const struct viewed *m, uint64_t at)
{
	const struct view *found = NULL;

	for (size_t i = 0; i < m->n && m->views[i].area->offset <= at; i++)
		if (at < view_end(&m->views[i]) && (!found || !(found->area->prot & PROT_READ)))
			found = &m->views[i];
	return found;
}

static int read_extent(const struct viewed *m, const struct page_extent *e, char *out,
		       struct err *err)
{
	for (uint64_t at = e->start; at < e->end;) {
		const struct view *v = view_at(m, at);
		uint64_t end = v && view_end(v) < e->end ? view_end(v) : e->end;
		struct page_extent x = { 0 };
		struct page_source from;
		int ret;

		if (!v)
			return err_set(err, ERR_INTERNAL, EINVAL, "nobody has mapped %llx of %s",
				       (unsigned long long)at, m->link);
		x.start = v->area->start + (at - v->area->offset);
		x.end = x.start + (end - at);
		page_source_process(&from, v->task->stop->via, v->task->stop->mem_fd);
		ret = from.read(&from, &x, 1, out, err);
		if (ret < 0)
			return ret;
		out += end - at;
		at = end;
	}
	return 0;
}

static int read_views(const struct page_source *src, const struct page_extent *e, size_t n,
		      void *buf, struct err *err)
{
	const struct viewed *m = ((const struct view_source *)src)->m;
	char *out = buf;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n; i++) {
		ret = read_extent(m, &e[i], out, err);
		out += e[i].end - e[i].start;
	}
	return ret;
}

static void find_pages(const struct viewed *m, struct page_extents *x)
{
	uint64_t done = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct view *v = &m->views[i];
		uint64_t at = v->area->offset > done ? v->area->offset : done;

		for (; at < view_end(v); at += PAGE_SIZE_)
			if (!v->there || v->there[(at - v->area->offset) / PAGE_SIZE_] & 1)
				page_extents_add(x, at, at + PAGE_SIZE_, PE_PRESENT);
		if (at > done)
			done = at;
	}
}

int view_save(struct dump *d, const struct viewed *m, uint32_t shmid)
{
	struct view_source from = { .src.read = read_views, .m = m };
	struct page_extents x = { 0 };
	int ret;

	from.src.mem_fd = -1;
	find_pages(m, &x);
	ret = segment_save(d, shmid, &x, &from.src);
	page_extents_free(&x);
	return ret;
}
