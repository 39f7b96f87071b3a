/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to ask the page tables of another process (fs/proc/task_mmu.c):
 *
 * PAGEMAP_SCAN (Linux 6.7) walks a range of addresses, skips holes at the speed of the page tables,
 * matches a condition on the categories of each page and gives back runs. A range may cover areas
 * that nobody asked for, so spans that lie close together share a call and the answer is cut to
 * them.
 *
 * pagemap has 64 bits a page, holes included: present 63, swapped 62, file or shared 61, guard 58
 * (6.15), protected by userfaultfd 57, mapped once 56, soft-dirty 55, frame number 0-54 (zeroes
 * without CAP_SYS_ADMIN). The shared zero page is a present one with a well-known frame number,
 * which an untouched page of our own shows. The huge zero page looks like a file's (no PageAnon).
 *
 * Markers in the page table (guards, write protection of pages that were never there) are
 * swap entries and so count as swapped, in both.
 */
#include "kernel/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/address.h"

/* Of linux/fs.h, which may be older than the kernel we run on. */
struct scan_region {
	uint64_t start, end, categories;
};
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_IOCTL	   _IOWR('f', 16, struct scan_arg)
#define SCAN_WP_MATCHING   1
#define SCAN_CHECK_WPASYNC 2

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_FILE    (UINT64_C(1) << 61)
#define ENTRY_GUARD   (UINT64_C(1) << 58)
#define ENTRY_UFFD_WP (UINT64_C(1) << 57)
#define ENTRY_DIRTY   (UINT64_C(1) << 55)
#define ENTRY_PFN     ((UINT64_C(1) << 55) - 1)

#define BUF_SIZE (256 * 1024)
/* Walking the tables of this much of somebody else's memory costs about as much as a call. */
#define JOIN_GAP (UINT64_C(1) << 20)

const struct pagemap_cond PAGEMAP_PRIVATE = {
	.inverted = PM_FILE | PM_ZERO | PM_GUARD,
	.all = PM_FILE | PM_ZERO | PM_GUARD,
	.any = PM_PRESENT | PM_SWAPPED,
};
const struct pagemap_cond PAGEMAP_MAPPED = {
	.inverted = PM_GUARD,
	.all = PM_GUARD,
	.any = PM_PRESENT | PM_SWAPPED,
};
const struct pagemap_cond PAGEMAP_GUARD = { .all = PM_GUARD };

void page_runs_free(struct page_runs *runs)
{
	free(runs->runs);
	*runs = (struct page_runs){ 0 };
}

int page_runs_add(struct page_runs *runs, uint64_t start, uint64_t end, uint32_t categories)
{
	struct page_run *last = runs->n ? &runs->runs[runs->n - 1] : NULL;
	uint64_t page = getpagesize();

	runs->pages += (end - start) / page;
	if (last && last->end == start && last->categories == categories) {
		last->end = end;
		return 0;
	}
	if (runs->n == runs->room) {
		size_t room = runs->room ? runs->room * 2 : 64;
		struct page_run *grown = reallocarray(runs->runs, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		runs->runs = grown;
		runs->room = room;
	}
	runs->runs[runs->n++] =
		(struct page_run){ .start = start, .end = end, .categories = categories };
	return 0;
}

/* 0 when the kernel knows the ioctl and these categories. */
static int try_scan(int fd, uint64_t categories)
{
	struct scan_arg arg = { .size = sizeof(arg), .category_mask = categories };

	return ioctl(fd, SCAN_IOCTL, &arg) < 0 ? -errno : 0;
}

/*
 * The frame number of the zero page: that of our own memory which was only read. 0: can't know, or
 * there is none: a kernel may give whoever reads a page of his own (guests of PVM do so, and
 * the frame of ours would be somebody's memory a moment later). So two pages have to agree.
 */
static uint64_t find_zero_pfn(void)
{
	_cleanup_fd_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t page = getpagesize();
	uint64_t entry[2] = { 0 };
	char *mem;

	if (fd < 0)
		return 0;
	mem = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return 0;
	(void)*(volatile char *)mem;
	(void)*(volatile char *)(mem + page);
	if (pread(fd, entry, sizeof(entry), (uintptr_t)mem / page * 8) != sizeof(entry))
		entry[0] = 0;
	munmap(mem, 2 * page);
	return entry[0] & ENTRY_PRESENT && entry[0] == entry[1] ? entry[0] & ENTRY_PFN : 0;
}

int pagemap_open(struct pagemap *ret, const struct proc *p, struct err *err)
{
	struct pagemap pm = { .page = getpagesize() };
	int e;

	pm.fd = proc_openat(p, "pagemap", O_RDONLY, err);
	if (pm.fd < 0)
		return pm.fd;
	pm.buf = malloc(BUF_SIZE);
	if (!pm.buf) {
		close_fd(&pm.fd);
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for finding pages");
	}
	e = try_scan(pm.fd, PM_GUARD);
	pm.guard = !e;
	pm.scan = !e || (e == -EINVAL && !try_scan(pm.fd, PM_PRESENT));
	if (!pm.scan)
		pm.zero_pfn = find_zero_pfn();
	*ret = pm;
	return 0;
}

void pagemap_force_fallback(struct pagemap *pm)
{
	pm->scan = false;
	pm->zero_pfn = find_zero_pfn();
}

void pagemap_close(struct pagemap *pm)
{
	close_fd(&pm->fd);
	free(pm->buf);
	pm->buf = NULL;
}

/* What is left of a run once it is cut to the spans from *at on; *at moves with the runs. */
static int add_cut(const struct page_span *spans, size_t n, size_t *at,
		   const struct scan_region *run, struct page_runs *ret)
{
	while (*at < n && spans[*at].end <= run->start)
		(*at)++;
	for (size_t i = *at; i < n && spans[i].start < run->end; i++) {
		uint64_t start = run->start > spans[i].start ? run->start : spans[i].start;
		uint64_t end = run->end < spans[i].end ? run->end : spans[i].end;
		int e = start < end ? page_runs_add(ret, start, end, run->categories) : 0;

		if (e)
			return e;
	}
	return 0;
}

/* One walk over spans that share a range. */
static int scan_range(struct pagemap *pm, const struct page_span *spans, size_t n,
		      const struct scan_arg *tmpl, struct page_runs *ret, struct err *err)
{
	struct scan_arg arg = *tmpl;
	struct scan_region *vec = pm->buf;
	size_t at = 0;

	arg.start = spans[0].start;
	arg.end = spans[n - 1].end;
	arg.vec = (uintptr_t)vec;
	arg.vec_len = BUF_SIZE / sizeof(*vec);
	while (arg.start < arg.end) {
		int got = ioctl(pm->fd, SCAN_IOCTL, &arg);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "PAGEMAP_SCAN", "finding pages in %#llx-%#llx",
				       (unsigned long long)arg.start, (unsigned long long)arg.end);
		pm->calls++;
		for (int i = 0; i < got; i++)
			if (add_cut(spans, n, &at, &vec[i], ret))
				return err_set(err, ERR_RESOURCE, ENOMEM,
					       "no memory for page runs");
		/* walk_end is stale when the walk came to its end after more than 512 runs (the size
		 * of the kernel's bounce buffer): it points back into what was given already. */
		if (got && arg.walk_end < vec[got - 1].end)
			arg.walk_end = vec[got - 1].end;
		if (arg.walk_end <= arg.start) /* never seen, and would never end */
			return err_set(err, ERR_KERNEL, EIO, "PAGEMAP_SCAN stands still at %#llx",
				       (unsigned long long)arg.start);
		arg.start = arg.walk_end;
	}
	return 0;
}

static int find_by_scan(struct pagemap *pm, const struct page_span *spans, size_t n,
			const struct scan_arg *tmpl, uint64_t gap, struct page_runs *ret,
			struct err *err)
{
	for (size_t from = 0, to; from < n; from = to) {
		int e;

		for (to = from + 1; to < n && spans[to].start - spans[to - 1].end <= gap;)
			to++;
		e = scan_range(pm, spans + from, to - from, tmpl, ret, err);
		if (e)
			return e;
	}
	return 0;
}

static uint32_t entry_categories(const struct pagemap *pm, uint64_t entry)
{
	uint32_t c = 0;

	if (!(entry & (ENTRY_PRESENT | ENTRY_SWAPPED)))
		return entry & ENTRY_DIRTY ? PM_SOFTDIRTY : 0;
	c |= entry & ENTRY_PRESENT ? PM_PRESENT : PM_SWAPPED;
	c |= entry & ENTRY_FILE ? PM_FILE : 0;
	c |= entry & ENTRY_DIRTY ? PM_SOFTDIRTY : 0;
	c |= entry & ENTRY_UFFD_WP ? 0 : PM_WRITTEN;
	if (pm->guard && entry & ENTRY_GUARD)
		c |= PM_GUARD;
	if (entry & ENTRY_PRESENT && pm->zero_pfn && (entry & ENTRY_PFN) == pm->zero_pfn)
		c |= PM_ZERO;
	return c;
}

static bool cond_matches(const struct pagemap_cond *cond, uint32_t categories)
{
	categories ^= cond->inverted;
	return (categories & cond->all) == cond->all && (!cond->any || categories & cond->any);
}

/* Up to *n entries from start into the buffer; *n becomes less at the end of the address space. */
static int read_entries(struct pagemap *pm, uint64_t start, uint64_t *buf, size_t *n,
			struct err *err)
{
	ssize_t got;

	do
		got = pread(pm->fd, buf, *n * 8, start / pm->page * 8);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, "pread", "reading pagemap at %#llx", (unsigned long long)start);
	pm->calls++;
	*n = got / 8;
	return 0;
}

static int read_span(struct pagemap *pm, const struct page_span *span,
		     const struct pagemap_cond *cond, uint32_t want, struct page_runs *ret,
		     struct err *err)
{
	uint64_t at = span->start, *entries = pm->buf;

	while (at < span->end) {
		size_t n = (span->end - at) / pm->page;
		int e;

		if (n > BUF_SIZE / 8)
			n = BUF_SIZE / 8;
		e = read_entries(pm, at, entries, &n, err);
		if (e)
			return e;
		if (!n)
			break;
		for (size_t i = 0; i < n; i++, at += pm->page) {
			uint32_t c;

			if (!entries[i]) /* holes: most of what there is */
				continue;
			c = entry_categories(pm, entries[i]);
			if (cond_matches(cond, c) &&
			    page_runs_add(ret, at, at + pm->page, c & want))
				return err_set(err, ERR_RESOURCE, ENOMEM,
					       "no memory for page runs");
		}
	}
	return 0;
}

/* A span must be made of pages and follow its neighbour: the cutting relies on it. */
static int check_spans(const struct pagemap *pm, const struct page_span *spans, size_t n,
		       struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (spans[i].start >= spans[i].end ||
		    (spans[i].start | spans[i].end) & (pm->page - 1) ||
		    (i && spans[i].start < spans[i - 1].end))
			return err_set(err, ERR_INTERNAL, EINVAL, "bad span of pages %#llx-%#llx",
				       (unsigned long long)spans[i].start,
				       (unsigned long long)spans[i].end);
	return 0;
}

/* The ioctl refuses categories that it does not know: without guards, "no guard" is always true. */
static struct scan_arg scan_template(const struct pagemap *pm, const struct pagemap_cond *cond,
				     uint32_t want)
{
	uint32_t known = pm->guard ? ~UINT32_C(0) : ~PM_GUARD;

	return (struct scan_arg){
		.size = sizeof(struct scan_arg),
		.category_inverted = cond->inverted & known,
		.category_mask = cond->all & known,
		.category_anyof_mask = cond->any & known,
		.return_mask = want & known,
	};
}

int pagemap_find(struct pagemap *pm, const struct page_span *spans, size_t n,
		 const struct pagemap_cond *cond, uint32_t want, struct page_runs *ret,
		 struct err *err)
{
	struct scan_arg tmpl = scan_template(pm, cond, want);
	int e = check_spans(pm, spans, n, err);

	if (e)
		return e;
	/* Guards are asked for, and there can be none. */
	if (!pm->guard && cond->all & ~cond->inverted & PM_GUARD)
		return 0;
	if (pm->scan)
		return find_by_scan(pm, spans, n, &tmpl, JOIN_GAP, ret, err);
	for (size_t i = 0; i < n; i++) {
		e = read_span(pm, &spans[i], cond, want, ret, err);
		if (e)
			return e;
	}
	return 0;
}

int pagemap_find_all(struct pagemap *pm, const struct pagemap_cond *cond, uint32_t want,
		     struct page_runs *ret, struct err *err)
{
	const struct page_span all = { 0, address_end() };
	struct scan_arg tmpl = scan_template(pm, cond, want);

	return pm->scan ? scan_range(pm, &all, 1, &tmpl, ret, err) : -EOPNOTSUPP;
}

/* Do the spans leave nothing of the runs out? Those that touch are as one. */
static bool covers(const struct page_span *spans, size_t n, const struct page_runs *all)
{
	size_t at = 0;

	for (size_t i = 0; i < all->n; i++) {
		while (at < n && spans[at].end <= all->runs[i].start)
			at++;
		if (at == n || spans[at].start > all->runs[i].start)
			return false;
		while (spans[at].end < all->runs[i].end) {
			if (at + 1 == n || spans[at + 1].start > spans[at].end)
				return false;
			at++;
		}
	}
	return true;
}

int page_runs_cut(struct page_runs *all, const struct page_span *spans, size_t n,
		  struct page_runs *ret)
{
	size_t at = 0;
	int e = 0;

	/* As a rule all is wanted: no second list of what may be very many. */
	if (covers(spans, n, all)) {
		*ret = *all;
		*all = (struct page_runs){ 0 };
		return 0;
	}
	for (size_t i = 0; e == 0 && i < all->n; i++) {
		const struct page_run *run = &all->runs[i];

		e = add_cut(spans, n, &at,
			    &(struct scan_region){ run->start, run->end, run->categories }, ret);
	}
	page_runs_free(all);
	return e;
}

int pagemap_find_written(struct pagemap *pm, const struct page_span *spans, size_t n,
			 const struct pagemap_cond *cond, uint32_t want, struct page_runs *ret,
			 struct err *err)
{
	struct scan_arg tmpl = scan_template(pm, cond, want);
	int e = check_spans(pm, spans, n, err);

	if (e)
		return e;
	if (!pm->scan)
		return err_set(err, ERR_KERNEL, EOPNOTSUPP,
			       "tracking writes needs the PAGEMAP_SCAN ioctl (Linux 6.7)");
	/* No gap: what lies between the spans must not be protected. */
	tmpl.flags = SCAN_WP_MATCHING | SCAN_CHECK_WPASYNC;
	tmpl.category_mask |= PM_WRITTEN;
	return find_by_scan(pm, spans, n, &tmpl, 0, ret, err);
}

int pagemap_entries(struct pagemap *pm, uint64_t start, uint64_t *ret, size_t n, struct err *err)
{
	while (n) {
		size_t got = n;
		int e = read_entries(pm, start, ret, &got, err);

		if (e)
			return e;
		if (!got)
			return err_set(err, ERR_KERNEL, ENODATA, "pagemap ends at %#llx",
				       (unsigned long long)start);
		start += got * pm->page;
		ret += got;
		n -= got;
	}
	return 0;
}

int pagemap_pfns(struct pagemap *pm, uint64_t start, uint64_t *ret_pfns, size_t n, struct err *err)
{
	int e = pagemap_entries(pm, start, ret_pfns, n, err);

	if (e)
		return e;
	for (size_t i = 0; i < n; i++)
		ret_pfns[i] = ret_pfns[i] & ENTRY_PRESENT ? ret_pfns[i] & ENTRY_PFN : 0;
	return 0;
}
