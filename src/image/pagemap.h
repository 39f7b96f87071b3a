/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pagemap image: which ranges of pages a pages file holds, in its order. It can have a hundred
 * thousand entries, is verified and used whole, and so has a form of its own in memory.
 */
#ifndef IMAGE_PAGEMAP_H
#define IMAGE_PAGEMAP_H

#include "image/dir.h"

struct pagemap_range {
	uint64_t start; /* address, or offset in a segment */
	uint64_t pages;
	uint32_t flags; /* of pagemap_entry; those of before CRIU 2.0 are translated */
};

struct pagemap_image {
	uint32_t pages_id;
	size_t n;
	struct pagemap_range *ranges;
};

/* Decoded once for a set that is listed, else into the arena. No more than decoded: nothing is
 * sure about addresses and counts. */
int image_read_pagemap(const struct image_dir *dir, enum image_kind kind, uint64_t key,
		       struct arena *a, struct err *err, const struct pagemap_image **ret_pagemap);

struct image_writer;

/* Appends an entry to a pagemap image, behind its head. */
int image_write_range(struct image_writer *w, const struct pagemap_range *r, struct err *err);

#endif
