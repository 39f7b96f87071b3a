/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers that a ring gives out (IORING_REGISTER_PBUF_RING): each group is a ring in memory that
 * the program fills; the kernel counts what it has given out, and shows neither where the memory is
 * nor which groups there are. Both are found in its memory: the groups in a tree (xarray), and of
 * each the first page, which is looked for among those of the process.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "kernel/pagemap.h"
#include "objects/uring/uring_kernel.h"

#define NODES_MAX  1024 /* of the tree */
#define PIECE	   4096 /* pages at once */
#define ENTRY_SIZE sizeof(struct io_uring_buf)
#define LIST_MAX   65536 /* numbers of buffers that there can be */

struct walk {
	struct uring_kernel *k;
	struct uring_out *u;
	unsigned char *raw; /* the group that is looked at */
	uint32_t nodes;
};

static uint64_t get(const struct walk *w, enum uring_place place, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, w->raw + w->k->at[place], size);
	return value;
}

/* --- where its memory is ----------------------------------------------------------------------- */

static int find_run(struct pagemap *pm, const struct page_run *run, uint64_t frame, uint64_t *ret)
{
	struct err unused = { 0 };
	uint64_t frames[PIECE];

	for (uint64_t at = run->start; at < run->end; at += PIECE * PAGE_SIZE_) {
		size_t n = (run->end - at) / PAGE_SIZE_;
		int err;

		n = n < PIECE ? n : PIECE;
		err = pagemap_pfns(pm, at, frames, n, &unused);
		if (err < 0)
			return err;
		for (size_t i = 0; i < n; i++)
			if (frames[i] == frame) {
				*ret = at + i * PAGE_SIZE_;
				return 0;
			}
	}
	return -ENOENT;
}

static int find_frame(struct walk *w, uint64_t frame, uint64_t *ret)
{
	const struct pagemap_cond present = { .all = PM_PRESENT };
	struct dump_task *t = w->u->task;
	struct page_span *spans = arena_array(dump_arena(t->dump), struct page_span, t->n_vmas + 1);
	struct page_runs runs = { 0 };
	struct err unused = { 0 };
	struct pagemap pm;
	size_t n = 0;
	int err = pagemap_open(&pm, &t->stop->proc, &unused);

	if (err < 0)
		return err;
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].vma->prot & PROT_WRITE)
			spans[n++] =
				(struct page_span){ t->vmas[i].vma->start, t->vmas[i].vma->end };
	err = pagemap_find(&pm, spans, n, &present, 0, &runs, &unused);
	for (size_t i = 0; err == 0 && i < runs.n; i++) {
		int found = find_run(&pm, &runs.runs[i], frame, ret);

		if (found != -ENOENT)
			err = found < 0 ? found : 1;
	}
	page_runs_free(&runs);
	pagemap_close(&pm);
	return err == 1 ? 0 : err == 0 ? -ENOENT : err;
}

/* The kernel's own: its contents are the entry's. */
static int copy_memory(struct walk *w, CrtoolsUringGroup *g)
{
	size_t len = g->entries * ENTRY_SIZE;
	off_t off = URING_OFF_PBUF_RING | (off_t)g->number << URING_OFF_PBUF_SHIFT;
	void *at = mmap(NULL, len, PROT_READ, MAP_SHARED, w->u->fd, off);

	if (at == MAP_FAILED)
		return -errno;
	g->flags |= URING_PBUF_MMAP;
	g->has_data = true;
	g->data.len = len;
	g->data.data = arena_alloc(dump_arena(w->u->task->dump), len);
	memcpy(g->data.data, at, len);
	munmap(at, len);
	return 0;
}

static int find_memory(struct walk *w, CrtoolsUringGroup *g)
{
	const unsigned char *region = w->raw + w->k->at[PLACE_GROUP_REGION];
	uint64_t pages, page;
	uint32_t flags;

	memcpy(&flags, region + w->k->at[PLACE_REGION_FLAGS], sizeof(flags));
	memcpy(&pages, region + w->k->at[PLACE_REGION_PAGES], sizeof(pages));
	if (!(flags & w->k->region_user))
		return copy_memory(w, g);
	page = kmem_pointer(w->k->memory, pages, 0);
	if (!page || page < w->k->memory->pages)
		return -EIO;
	g->has_addr = true;
	return find_frame(w, (page - w->k->memory->pages) / w->k->memory->struct_size, &g->addr);
}

/* --- lists ------------------------------------------------------------------------------------- */

static void add_buffer(struct walk *w, uint32_t group, uint64_t addr, uint32_t len, uint16_t number)
{
	struct arena *a = dump_arena(w->u->task->dump);
	CrtoolsUring *e = w->u->e;
	CrtoolsUringProvided *p = e->n_provided ? e->provided[e->n_provided - 1] : NULL;

	if (p && p->group == group && p->len == len && p->number + p->count == number &&
	    p->addr + (uint64_t)p->count * len == addr) {
		p->count++;
		return;
	}
	p = arena_msg(a, CrtoolsUringProvided, crtools_uring_provided);
	p->has_group = p->has_number = p->has_count = p->has_addr = p->has_len = true;
	p->group = group;
	p->number = number;
	p->count = 1;
	p->addr = addr;
	p->len = len;
	arena_push(a, e->provided, e->n_provided, p);
}

static int take_list(struct walk *w, uint64_t at)
{
	struct kmem *k = w->k->memory;
	uint64_t head = at + (uint64_t)w->k->at[PLACE_GROUP_LIST];
	uint64_t node = kmem_pointer(k, head, 0);
	uint32_t group = get(w, PLACE_GROUP_NUMBER, 2);

	for (uint32_t n = 0; node != head; n++) { /* a buffer's link is its first member */
		uint64_t addr;
		uint32_t len;
		uint16_t number;

		if (!node || n == LIST_MAX ||
		    kmem_read(k, node + w->k->at[PLACE_BUFFER_ADDR], &addr, sizeof(addr)) < 0 ||
		    kmem_read(k, node + w->k->at[PLACE_BUFFER_LEN], &len, sizeof(len)) < 0 ||
		    kmem_read(k, node + w->k->at[PLACE_BUFFER_NUMBER], &number, sizeof(number)) < 0)
			return -EIO;
		add_buffer(w, group, addr, len, number);
		node = kmem_pointer(k, node, 0);
	}
	return 0;
}

/* --- which there are --------------------------------------------------------------------------- */

static int take_group(struct walk *w, uint64_t at)
{
	struct arena *a = dump_arena(w->u->task->dump);
	CrtoolsUringGroup *g = arena_msg(a, CrtoolsUringGroup, crtools_uring_group);
	uint32_t flags;

	if (kmem_read(w->k->memory, at, w->raw, w->k->group_size) < 0)
		return -EIO;
	flags = get(w, PLACE_GROUP_FLAGS, 2);
	if (!(flags & w->k->group_is_ring))
		return take_list(w, at);
	if (!w->k->has_pages)
		return -EPERM;
	g->has_number = g->has_entries = g->has_head = g->has_flags = true;
	g->number = get(w, PLACE_GROUP_NUMBER, 2);
	g->entries = get(w, PLACE_GROUP_MASK, 2) + 1; /* a power of two */
	g->head = get(w, PLACE_GROUP_HEAD, 2);
	g->flags = flags & w->k->group_inc ? URING_PBUF_INC : 0;
	arena_push(a, w->u->e->group, w->u->e->n_group, g);
	return find_memory(w, g);
}

/* An entry of an xarray: nothing, what is in it, or, by its lowest bits, a node. */
static int take_entry(struct walk *w, uint64_t entry)
{
	uint64_t slots[64];
	int err = 0;

	if (!entry)
		return 0;
	if ((entry & 3) != 2)
		return entry & 3 ? -EIO : take_group(w, entry);
	if (w->nodes++ > NODES_MAX || kmem_read(w->k->memory, entry - 2 + w->k->at[PLACE_XA_SLOTS],
						slots, w->k->slots * sizeof(*slots)) < 0)
		return -EIO;
	for (int i = 0; err == 0 && i < w->k->slots; i++)
		err = take_entry(w, slots[i]);
	return err;
}

static bool is_known(const struct uring_kernel *k)
{
	for (int i = PLACE_GROUPS; i <= PLACE_REGION_FLAGS; i++)
		if (k->at[i] < 0)
			return false;
	return k->group_size > 0 && k->slots > 0 && k->slots <= 64 && k->group_is_ring &&
	       k->region_user;
}

/* Is there anything in the tree? As far as the kernel's memory tells. */
bool uring_groups_any(struct uring_out *u)
{
	struct uring_kernel *k = uring_kernel(u->task->dump);
	uint64_t ring = k && k->at[PLACE_GROUPS] >= 0 ? kmem_private(k->memory, u->fd) : 0;

	return ring &&
	       kmem_pointer(k->memory, ring + (uint64_t)k->at[PLACE_GROUPS], k->at[PLACE_XA_HEAD]);
}

int uring_groups_read(struct uring_out *u)
{
	struct dump *d = u->task->dump;
	struct walk w = { .k = uring_kernel(d), .u = u };
	uint64_t ring;
	int ret;

	u->e->n_group = u->e->n_provided = 0;
	if (!w.k || !is_known(w.k))
		return -ENOENT;
	ring = kmem_private(w.k->memory, u->fd);
	w.raw = arena_alloc(dump_arena(d), w.k->group_size);
	ret = ring ? take_entry(&w, kmem_pointer(w.k->memory, ring + w.k->at[PLACE_GROUPS],
						 w.k->at[PLACE_XA_HEAD]))
		   : -EIO;
	if (ret < 0)
		u->e->n_group = u->e->n_provided = 0;
	return ret;
}
