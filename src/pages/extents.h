/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages an image holds: extents in ascending order of address, each a run of pages of one
 * kind (PE_* of image/constants.h). Extents with PE_PRESENT have their bytes in the pages file, one
 * after the other.
 */
#ifndef PAGES_EXTENTS_H
#define PAGES_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/dir.h"

#define PAGE_SIZE_ 4096ul

/* A flag beside PE_*, in memory only: a process outside or inside of the tree may have these pages,
 * too, copy-on-write. See save.c. */
#define PE_IN_COMMON (1u << 31)

struct page_extent {
	uint64_t start, end; /* bytes; offsets in the segment for shared memory */
	uint64_t file_off;   /* place in the pages file, of PRESENT ones */
	uint32_t flags;
};

struct page_extents {
	struct page_extent *e;
	size_t n, room;
	uint64_t bytes; /* of all PRESENT extents: the length of the pages file */
};

/* Appends; joins with the last one where they touch and agree. Running out of memory ends the tool.
 */
void page_extents_add(struct page_extents *x, uint64_t start, uint64_t end, uint32_t flags);
void page_extents_free(struct page_extents *x);
/* The first extent that ends above addr; x->n if there is none. */
size_t page_extents_find(const struct page_extents *x, uint64_t addr);

/* The pagemap image of a task (IMAGE_PAGEMAP, vpid) or segment (IMAGE_SHMEM_PAGEMAP, shmid). */
int page_extents_write(const struct page_extents *x, struct image_dir *dir, enum image_kind kind,
		       uint64_t key, uint32_t pages_id, struct err *err);
/* No image: no extents, *ret_pages_id is 0. */
int page_extents_read(struct page_extents *x, const struct image_dir *dir, enum image_kind kind,
		      uint64_t key, uint32_t *ret_pages_id, struct err *err);

#endif
