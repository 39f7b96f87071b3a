/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling memory from an image: a pool is what pagemap-<id> and its pages file hold, open in the
 * task that is to be filled.
 */
#ifndef PAGES_FILL_H
#define PAGES_FILL_H

#include <stdbool.h>

#include "pages/extents.h"

struct page_pool {
	struct page_extents x;
	int fd;		  /* the pages file; -1: no pages at all */
	const char *data; /* the file, mapped */
	uint64_t size;
	int uffd;      /* -1: not tried yet; -2: the kernel refuses */
	int self_mem;  /* /proc/self/mem; -1: not open */
	bool no_force; /* it keeps to the protection */
	struct err *err;
	uint64_t filled, compared, kept; /* pages */
	_Atomic uint64_t *tally;	 /* counts bytes as they are filled; may be NULL */
	/* How many threads may fill: 0 or 1, as long as a thread's id could be one that a task of
	 * the tree is to get. At most FILL_WORKERS_MAX. */
	size_t workers;
	bool huge_always; /* the kernel gives huge pages unasked: what is there whole is filled so */
};
#define FILL_WORKERS_MAX 8
#define HUGE_MIN	 (UINT64_C(2) << 20) /* a huge page fits in */

int page_pool_open(struct page_pool *p, const struct image_dir *dir, enum image_kind kind,
		   uint64_t key, struct err *err);
void page_pool_close(struct page_pool *p);
/* The same but for its memory, which the task's program unmaps with all else of the tool's: each
 * munmap of what was touched flushes the processor's table of addresses. */
void page_pool_leave(struct page_pool *p);

struct fill {
	uint64_t start, end; /* what part of the pool: addresses as in the images */
	uint64_t at;	     /* where start is mapped now */
	int prot;	     /* with which protection */
	bool anon;	     /* fresh private anonymous memory that userfaultfd can fill */
	bool small;	     /* huge pages are not wanted (MADV_NOHUGEPAGE) */
	bool huge;	     /* better filled in large pieces: the kernel may use huge pages */
	bool compare;	     /* inherited: write only what differs, drop what the image lacks */
	const struct page_extents *had; /* compare: what the memory holds besides zeroes */
	uint64_t had_start;		/* where start is in terms of had */
	const unsigned char *alike; /* compare: by page of the pages file, whether the memory has it
				     * already; NULL: not known, each is looked at */
	/* Of a run of areas, which is to be cut up into them: cut() does that, before the first
	 * page comes if possible, since then there is the least to do for the kernel. bound() tells
	 * the end of the area that an address is in; *hint is 0 at first. */
	int (*cut)(const struct fill *f);
	uint64_t (*bound)(const struct fill *f, uint64_t addr, size_t *hint);
	void *run; /* theirs */
};
int page_pool_fill(struct page_pool *p, const struct fill *f);
/* The bytes of [start, start + len), zeroes where the pool has none, to memory of the caller's. */
int page_pool_read(struct page_pool *p, uint64_t start, size_t len, void *buf);
/* All pages of the pool to a file of this size, by write(2): vaddr is the offset in it. */
int page_pool_write(struct page_pool *p, int fd, uint64_t size);

#endif
