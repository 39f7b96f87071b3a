/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a process are where: "the ranges of pages in [start, end) that have category X".
 * Two engines with the same answers: the PAGEMAP_SCAN ioctl (Linux 6.7), one call for many areas,
 * and reading /proc/PID/pagemap, eight bytes a page, where the ioctl is missing.
 *
 * Whose memory is it? A page has to be kept in the image when it is anonymous memory that is no
 * shared zero page: private and written (or swapped out). In every private area, with or without a
 * file behind it, that is PAGEMAP_PRIVATE below; a clean page of the page cache in a private file
 * mapping has PM_FILE, a COWed one does not. Areas of devices (VMF_(IO), VMF_(PFNMAP)) have pages
 * that are nobody's and look private: leave them out of the spans. The fallback reads eight bytes
 * for each page of a span even where nothing is mapped: leave out areas whose Rss and Swap are 0,
 * if known.
 */
#ifndef KERNEL_PAGEMAP_H
#define KERNEL_PAGEMAP_H

#include "kernel/proc/proc.h"

/* Categories; the PM_* bits have the values of the kernel's PAGE_IS_*. */
#define PM_WPALLOWED UINT32_C(1) /* async write protection is on here (UFFD_FEATURE_WP_ASYNC) */
#define PM_WRITTEN                                                                                 \
	UINT32_C(2) /* written since the last protection; also set where PM_WPALLOWED is not */
#define PM_FILE	   UINT32_C(4) /* of a file or shared memory */
#define PM_PRESENT UINT32_C(8)
#define PM_SWAPPED UINT32_C(16) /* also migration entries and other non-present ones */
#define PM_ZERO                                                                                    \
	UINT32_C(32) /* the shared zero page; the fallback sees it as root only. The huge          \
		      * one: Linux 6.17, before that it is like any other huge page */
#define PM_HUGE	     UINT32_C(64)  /* mapped by a huge page; the fallback cannot see it */
#define PM_SOFTDIRTY UINT32_C(128) /* Linux 3.11 with CONFIG_MEM_SOFT_DIRTY */
#define PM_GUARD                                                                                   \
	UINT32_C(256) /* Linux 6.15: MADV_GUARD_INSTALL; comes with PM_SWAPPED. In 6.13 and 6.14   \
		       * guards are there but look like swapped pages that can't be read */

/* A condition as the ioctl has it: a page matches when all bits of `all` are set in
 * (categories ^ inverted), and, unless `any` is 0, one of `any`. */
struct pagemap_cond {
	uint32_t inverted, all, any;
};
/* Private memory that has to be kept: not a file's, not the zero page, no guard, present or
 * swapped. */
extern const struct pagemap_cond PAGEMAP_PRIVATE;
/* Pages of shared memory (memfd, shmem, anonymous shared) that this process has mapped, or swapped
 * out. */
extern const struct pagemap_cond PAGEMAP_MAPPED;
/* Installed guard pages. Only with pagemap_engine.guard. */
extern const struct pagemap_cond PAGEMAP_GUARD;

struct page_run {
	uint64_t start, end; /* bytes */
	uint32_t categories;
};
struct page_runs {
	struct page_run *runs; /* ascending; neighbours have a gap or other categories */
	size_t n, room;
	uint64_t pages; /* sum of all runs */
};
void page_runs_free(struct page_runs *runs);
/* For taking over runs found elsewhere; joins with the last one where they touch and agree. */
int page_runs_add(struct page_runs *runs, uint64_t start, uint64_t end, uint32_t categories);

struct page_span {
	uint64_t start, end;
};

struct pagemap {
	int fd;	    /* /proc/PID/pagemap */
	bool scan;  /* PAGEMAP_SCAN works */
	bool guard; /* the kernel can tell PM_GUARD */
	uint64_t page, zero_pfn;
	void *buf;
	uint64_t calls; /* of ioctl or pread, so far */
};
/* Finds out by itself which engine works (one call). Needs ptrace access to the process. */
int pagemap_open(struct pagemap *ret, const struct proc *p, struct err *err);
/* Uses the fallback even where the ioctl works, for tests and measurements. */
void pagemap_force_fallback(struct pagemap *pm);
void pagemap_close(struct pagemap *pm);

/*
 * Appends to *ret all pages of the spans (ascending, not overlapping, page aligned) that match.
 * The runs' categories hold the bits of want, and are joined where those agree: want 0 gives the
 * fewest runs. One call of the kernel covers many spans that lie close together.
 */
int pagemap_find(struct pagemap *pm, const struct page_span *spans, size_t n,
		 const struct pagemap_cond *cond, uint32_t want, struct page_runs *ret,
		 struct err *err);
/*
 * In two steps, for who does not know the spans yet: all pages that match, of whatever areas, with
 * the ioctl alone (-EOPNOTSUPP, and no error, without it); then what of them lies in spans, for
 * which *all is given up.
 */
int pagemap_find_all(struct pagemap *pm, const struct pagemap_cond *cond, uint32_t want,
		     struct page_runs *ret, struct err *err);
int page_runs_cut(struct page_runs *all, const struct page_span *spans, size_t n,
		  struct page_runs *ret);
/*
 * Write tracking with UFFDIO_WRITEPROTECT mode async: the pages of [start, end) written since the
 * last call, protected again in the same step, atomically (PM_SCAN_WP_MATCHING). The process must
 * have registered the area with a WP_ASYNC userfaultfd. -EOPNOTSUPP without PAGEMAP_SCAN.
 */
int pagemap_find_written(struct pagemap *pm, const struct page_span *spans, size_t n,
			 const struct pagemap_cond *cond, uint32_t want, struct page_runs *ret,
			 struct err *err);

/* The frame numbers of n pages from start: 0 for a page that is not present. Root (CAP_SYS_ADMIN in
 * the first user namespace) only, else all are 0. */
int pagemap_pfns(struct pagemap *pm, uint64_t start, uint64_t *ret_pfns, size_t n, struct err *err);
/* Raw entries of /proc/PID/pagemap. */
int pagemap_entries(struct pagemap *pm, uint64_t start, uint64_t *ret, size_t n, struct err *err);

#endif
