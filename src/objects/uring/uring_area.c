/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The areas by which tasks have rings mapped: both queues (at two offsets, which are one), and the
 * requests. The entry names the ring's file, which the area knows by its inode.
 *
 * Such an area can't be mapped at an address that one asks for, nor moved (the kernel's
 * io_uring_get_unmapped_area() refuses any). It lands in the one hole that is large enough: all
 * others are filled for that time with memory that is not there.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "image/constants.h"
#include "kernel/address.h"
#include "objects/restored.h"
#include "objects/uring/uring.h"

#define LINK "anon_inode:[io_uring]"

#define LOWEST	 UINT64_C(0x1000)
#define MIN_ADDR UINT64_C(0x10000) /* vm.mmap_min_addr may keep us from what is below */
/* Behind the home range there may be a vdso that an older one leads to (objects/memory/vdso.c). */
#define BEHIND_HOME (UINT64_C(32) * PAGE_SIZE_)

/* --- dump ------------------------------------------------------------------------------------- */

static const char *object_of(struct dump_task *t, const VmaEntry *e)
{
	return arena_printf(dump_arena(t->dump), "mapping %llx-%llx (%s)",
			    (unsigned long long)e->start, (unsigned long long)e->end, LINK);
}

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strcmp(a->path, LINK);
}

/* Of either queue, the requests, or a group of buffers. */
static bool is_known(uint64_t off)
{
	return off == IORING_OFF_SQ_RING || off == IORING_OFF_CQ_RING || off == IORING_OFF_SQES ||
	       (off & ~(UINT64_C(0x7fff) << URING_OFF_PBUF_SHIFT)) == URING_OFF_PBUF_RING;
}

/* The inode for now: uring_area_name() knows the file. */
static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	e->status = VMA_AREA_REGULAR | VMA_AREA_URING;
	e->shmid = a->ino;
	if (!is_known(a->offset))
		task_refuse(t, object_of(t, e),
			    "is neither a queue of io_uring nor its requests, but a part, or a "
			    "region of memory, which can't be kept",
			    "have the program unregister what it is of");
	return 0;
}

bool uring_area_any(const struct dump_task *t)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].vma->status & VMA_AREA_URING)
			return true;
	return false;
}

int uring_area_name(struct dump_task *t)
{
	struct uring_dump *x = uring_dump_of(t->dump);

	for (size_t i = 0; i < t->n_vmas; i++) {
		VmaEntry *e = t->vmas[i].vma;
		const struct uring_out *u;

		if (!(e->status & VMA_AREA_URING))
			continue;
		u = hash_get(&x->by_ino, e->shmid);
		if (u)
			e->shmid = u->id;
		else
			task_refuse(t, object_of(t, e),
				    "is of a ring that no descriptor in the tree leads to",
				    "have the program keep the descriptor open, or unmap it");
	}
	return 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

static bool claims(const VmaEntry *e)
{
	return e->status & VMA_AREA_URING;
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	struct restore_file *f = restore_file_by_id(t->r, v->e->shmid);
	uint64_t len = v->e->end - v->e->start;

	if (!f || f->entry->type != FD_TYPES__CRTOOLS_URING || len > URING_AREA_MAX ||
	    !is_known(v->e->pgoff))
		return image_bad(t, IMAGE_MM, t->vpid, "the area %llx-%llx is of no ring",
				 (unsigned long long)v->e->start, (unsigned long long)v->e->end);
	restore_open_before(t->r, f, t);
	return 0;
}

/* uring_area_emit() does it for all of a task. */
static int emit(struct restore_task *t, struct restore_vma *v)
{
	(void)t;
	(void)v;
	return 0;
}

/* What is in the way: areas, the home range, and the places of rings. Ascending. */
struct span {
	uint64_t start, end;
	const struct restore_vma *ring;
	bool doubtful; /* parts of the kernel's block, which may be elsewhere, or not at all */
};

struct spans {
	struct span *spans;
	size_t n;
};

static void add_span(struct restore_task *t, struct spans *s, struct span span)
{
	size_t i;

	if (span.start >= span.end)
		return;
	arena_push(restore_arena(t->r), s->spans, s->n, span);
	for (i = s->n - 1; i && s->spans[i - 1].start > span.start; i--)
		s->spans[i] = s->spans[i - 1];
	s->spans[i] = span;
}

static void list_spans(struct restore_task *t, struct spans *ret)
{
	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct restore_vma *v = &t->vmas[i];

		if (v->e->start < address_window() && !(v->e->status & VMA_AREA_GUARD))
			add_span(t, ret,
				 (struct span){
					 .start = v->e->start,
					 .end = v->e->end,
					 .ring = claims(v->e) ? v : NULL,
					 .doubtful = v->e->status & (VMA_AREA_VDSO | VMA_AREA_VVAR),
				 });
	}
	add_span(t, ret, (struct span){ .start = t->r->home, .end = t->r->stage_from });
}

/* how: MAP_FIXED_NOREPLACE, or MAP_FIXED over what may be there. */
static call_id plug(struct program *p, uint64_t start, uint64_t end, int how)
{
	return program_call(p, SYS_mmap, IMM(start), IMM(end - start), IMM(PROT_NONE),
			    IMM(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how), IMM(-1),
			    IMM(0));
}

struct hole {
	call_id id; /* of the call that filled it */
	uint64_t len;
};

struct holes {
	struct hole *holes;
	size_t n;
};

static call_id fill_hole(struct restore_task *t, uint64_t start, uint64_t end, int how,
			 struct holes *filled)
{
	struct hole hole = { plug(t->threads[0].prog, start, end, how), end - start };

	arena_push(restore_arena(t->r), filled->holes, filled->n, hole);
	return hole.id;
}

static uint64_t smallest_ring(const struct spans *s)
{
	uint64_t smallest = UINT64_MAX;

	for (size_t i = 0; i < s->n; i++)
		if (s->spans[i].ring && s->spans[i].end - s->spans[i].start < smallest)
			smallest = s->spans[i].end - s->spans[i].start;
	return smallest;
}

/* Pages that are there stay. */
static void fill_doubtful(struct restore_task *t, uint64_t start, uint64_t end,
			  struct holes *filled)
{
	for (uint64_t at = start; at < end; at += PAGE_SIZE_)
		fill_hole(t, at, at + PAGE_SIZE_, MAP_FIXED_NOREPLACE, filled);
}

/* From `at` on; returns up to where it is done. What was staged has been moved to its place by now,
 * or was only for children to inherit (a segment that System V has removed): it may go. */
static uint64_t fill_special(struct restore_task *t, uint64_t at, uint64_t next,
			     struct holes *filled)
{
	const uint64_t home_end = t->r->home + t->r->home_size;
	uint64_t end = next;

	if (at == LOWEST)
		end = MIN_ADDR;
	else if (at == t->r->stage_from)
		end = home_end;
	else if (at == home_end)
		end = at + BEHIND_HOME;
	else
		return at;
	end = end < next ? end : next;
	if (at == home_end)
		fill_doubtful(t, at, end, filled);
	else if (at == t->r->stage_from)
		program_want(t->threads[0].prog, fill_hole(t, at, end, MAP_FIXED, filled), at);
	else
		fill_hole(t, at, end, MAP_FIXED_NOREPLACE, filled);
	return end;
}

/* A hole beside a ring's place is one with it when that place is free, however small it is. */
static bool is_beside_ring(const struct spans *s, size_t next, uint64_t at)
{
	return (next < s->n && s->spans[next].ring) ||
	       (next && s->spans[next - 1].ring && s->spans[next - 1].end == at);
}

static void fill_holes(struct restore_task *t, const struct spans *s, uint64_t least,
		       struct holes *filled)
{
	struct program *p = t->threads[0].prog;
	uint64_t at = LOWEST;

	for (size_t i = 0; i <= s->n; i++) {
		uint64_t next = i < s->n ? s->spans[i].start : address_window(), from;

		do {
			from = at;
			if (at < next)
				at = fill_special(t, at, next, filled);
		} while (at != from);
		if (at < next && (next - at >= least || is_beside_ring(s, i, at)))
			program_want(p, fill_hole(t, at, next, MAP_FIXED_NOREPLACE, filled), at);
		if (i < s->n && s->spans[i].doubtful)
			fill_doubtful(t, s->spans[i].start, s->spans[i].end, filled);
		if (i < s->n && s->spans[i].end > at)
			at = s->spans[i].end;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->spans[i].ring)
			program_want(
				p, plug(p, s->spans[i].start, s->spans[i].end, MAP_FIXED_NOREPLACE),
				s->spans[i].start);
}

static void map_ring(struct restore_task *t, const struct restore_vma *v)
{
	const struct restore_file *f = restore_file_by_id(t->r, v->e->shmid);
	struct program *p = t->threads[0].prog;
	uint64_t len = v->e->end - v->e->start;
	call_id id;

	program_note(p, "ring %u", f->id);
	program_do(p, SYS_munmap, IMM(v->e->start), IMM(len));
	id = program_call(p, SYS_mmap, IMM(0), IMM(len), IMM(v->e->prot), IMM(MAP_SHARED),
			  IMM(f->stage_fd), IMM(v->e->pgoff));
	program_want(p, id, v->e->start);
}

static void advise(struct restore_task *t, const VmaEntry *e)
{
	struct program *p = t->threads[0].prog;

	program_stage(p, STAGE_PROTECT);
	for (int n = 0; e->has_madv && n < 64; n++)
		if (e->madv & (UINT64_C(1) << n))
			program_do(p, SYS_madvise, IMM(e->start), IMM(e->end - e->start), IMM(n));
}

/* When all else stands at its place. */
int uring_area_emit(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	struct holes filled = { 0 };
	struct spans spans = { 0 };
	uint64_t least;
	bool any = false;

	for (size_t i = 0; i < t->n_vmas; i++)
		any |= claims(t->vmas[i].e);
	if (!any)
		return 0;
	t->fill_home = true;
	list_spans(t, &spans);
	least = smallest_ring(&spans);
	program_stage(p, STAGE_CONTENT);
	program_note(p, "holes in the address space, so that rings get their places");
	fill_holes(t, &spans, least, &filled);
	for (size_t i = 0; i < spans.n; i++)
		if (spans.spans[i].ring)
			map_ring(t, spans.spans[i].ring);
	program_note(p, "holes in the address space");
	for (size_t i = 0; i < filled.n; i++)
		program_call(p, SYS_munmap, RESULT(filled.holes[i].id), IMM(filled.holes[i].len));
	for (size_t i = 0; i < spans.n; i++)
		if (spans.spans[i].ring)
			advise(t, spans.spans[i].ring->e);
	return 0;
}

const struct area_class uring_area = {
	.name = "ring of io_uring",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.emit = emit,
};
