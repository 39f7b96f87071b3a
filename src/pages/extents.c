/* SPDX-License-Identifier: Apache-2.0 */
/* See extents.h. */
#include "pages/extents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "image/messages.h"
#include "image/pagemap.h"
#include "image/writer.h"

static void make_room(struct page_extents *x, size_t room)
{
	x->room = room;
	x->e = realloc(x->e, room * sizeof(*x->e));
	if (!x->e) {
		fprintf(stderr, "crtools: out of memory (%zu extents)\n", room);
		abort();
	}
}

void page_extents_add(struct page_extents *x, uint64_t start, uint64_t end, uint32_t flags)
{
	struct page_extent *last = x->n ? &x->e[x->n - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && last->flags == flags) {
		last->end = end;
	} else {
		if (x->n == x->room)
			make_room(x, x->room ? x->room * 2 : 64);
		x->e[x->n++] = (struct page_extent){ start, end, x->bytes, flags };
	}
	if (flags & PE_PRESENT)
		x->bytes += end - start;
}

void page_extents_free(struct page_extents *x)
{
	free(x->e);
	*x = (struct page_extents){ 0 };
}

size_t page_extents_find(const struct page_extents *x, uint64_t addr)
{
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (x->e[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int page_extents_write(const struct page_extents *x, struct image_dir *dir, enum image_kind kind,
		       uint64_t key, uint32_t pages_id, struct err *err)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	PagemapHead head = PAGEMAP_HEAD__INIT;
	int ret = image_writer_open(dir, kind, key, err, &w);

	head.pages_id = pages_id;
	if (ret == 0)
		ret = image_write_msg(w, &head.base, err);
	for (size_t i = 0; ret == 0 && i < x->n; i++) {
		const struct page_extent *e = &x->e[i];

		ret = image_write_range(
			w,
			&(struct pagemap_range){ .start = e->start,
						 .pages = (e->end - e->start) / PAGE_SIZE_,
						 .flags = e->flags & ~PE_IN_COMMON },
			err);
	}
	return ret < 0 ? ret : image_writer_close(&w, err);
}

static int take_range(struct page_extents *x, const struct pagemap_range *e, struct err *err)
{
	uint64_t last = x->n ? x->e[x->n - 1].end : 0;

	if (e->start % PAGE_SIZE_ || e->start < last ||
	    e->pages > (UINT64_MAX - e->start) / PAGE_SIZE_)
		return err_set(err, ERR_IMAGE_CORRUPT, EINVAL,
			       "pagemap entry at 0x%llx of %llu pages is out of order or range",
			       (unsigned long long)e->start, (unsigned long long)e->pages);
	page_extents_add(x, e->start, e->start + e->pages * PAGE_SIZE_, e->flags);
	return 0;
}

int page_extents_read(struct page_extents *x, const struct image_dir *dir, enum image_kind kind,
		      uint64_t key, uint32_t *ret_pages_id, struct err *err)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	const struct pagemap_image *p;
	int ret;

	*x = (struct page_extents){ 0 };
	*ret_pages_id = 0;
	if (!image_dir_has(dir, kind, key))
		return 0;
	ret = image_read_pagemap(dir, kind, key, &a, err, &p);
	if (ret < 0)
		return ret;
	*ret_pages_id = p->pages_id;
	if (p->n)
		make_room(x, p->n);
	for (size_t i = 0; ret == 0 && i < p->n; i++)
		ret = take_range(x, &p->ranges[i], err);
	return ret;
}
