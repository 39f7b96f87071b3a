/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fill.h. Fresh anonymous memory is filled with UFFDIO_COPY from the mapped image: the kernel
 * takes a page and copies, with no fault and without clearing the page first. Small or scattered
 * pieces, and memory that userfaultfd doesn't cover, are read into place with preadv; what is not
 * writable goes through /proc/self/mem.
 */
#include "pages/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/team.h"
#include "image/constants.h"
#include "kernel/uffd.h"

#define UFFD_MIN  (64u << 10)	      /* below this, registering the area costs more than faults */
#define UFFD_PART (UINT64_C(4) << 20) /* what a thread claims at a time */
#define IOVS	  256

int page_pool_open(struct page_pool *p, const struct image_dir *dir, enum image_kind kind,
		   uint64_t key, struct err *err)
{
	uint32_t pages_id;
	struct stat st;
	int ret;

	*p = (struct page_pool){ .fd = -1, .uffd = -1, .self_mem = -1, .err = err };
	ret = page_extents_read(&p->x, dir, kind, key, &pages_id, err);
	if (ret < 0 || !p->x.bytes)
		return ret;
	ret = image_dir_open_raw(dir, IMAGE_PAGES, pages_id, O_RDONLY, err, &p->fd);
	if (ret < 0)
		return ret;
	if (fstat(p->fd, &st) < 0)
		return err_sys(err, "fstat", "can't examine pages-%u.img", pages_id);
	if ((uint64_t)st.st_size < p->x.bytes)
		return err_set(err, ERR_IMAGE_CORRUPT, ENODATA,
			       "pages-%u.img has %llu bytes, but its pagemap speaks of %llu",
			       pages_id, (unsigned long long)st.st_size,
			       (unsigned long long)p->x.bytes);
	p->size = p->x.bytes;
	return 0;
}

void page_pool_leave(struct page_pool *p)
{
	close_fd(&p->fd);
	close_fd(&p->self_mem);
	if (p->uffd >= 0)
		close(p->uffd);
	p->uffd = -1;
}

void page_pool_close(struct page_pool *p)
{
	if (p->data)
		munmap((void *)p->data, p->size);
	p->data = NULL;
	page_pool_leave(p);
	page_extents_free(&p->x);
}

static void tally(const struct page_pool *p, uint64_t bytes)
{
	if (p->tally)
		atomic_fetch_add_explicit(p->tally, bytes, memory_order_relaxed);
}

/* The whole pages file, as memory to copy from or to compare with. */
static int map_data(struct page_pool *p)
{
	void *data;

	if (p->data)
		return 0;
	data = mmap(NULL, p->size, PROT_READ, MAP_SHARED, p->fd, 0);
	if (data == MAP_FAILED)
		return err_sys(p->err, "mmap", "can't map a pages image of %llu bytes",
			       (unsigned long long)p->size);
	p->data = data;
	return 0;
}

static bool have_uffd(struct page_pool *p)
{
	if (p->uffd == -1) {
		p->uffd = uffd_open();
		if (p->uffd < 0)
			p->uffd = -2;
	}
	return p->uffd >= 0;
}

/* The part of an extent that lies in [start, end). */
static bool clip(const struct page_extent *e, uint64_t start, uint64_t end, struct page_extent *ret)
{
	*ret = *e;
	if (ret->start < start) {
		ret->file_off += start - ret->start;
		ret->start = start;
	}
	if (ret->end > end)
		ret->end = end;
	return ret->start < ret->end && (e->flags & PE_PRESENT);
}

static uint64_t present_bytes(const struct page_pool *p, const struct fill *f, size_t first,
			      size_t *ret_n)
{
	uint64_t bytes = 0;
	struct page_extent part;

	*ret_n = 0;
	for (size_t i = first; i < p->x.n && p->x.e[i].start < f->end; i++)
		if (clip(&p->x.e[i], f->start, f->end, &part)) {
			bytes += part.end - part.start;
			++*ret_n;
		}
	return bytes;
}

/* What several threads fill together: each claims a few megabytes of the pages file at a time. */
struct uffd_job {
	struct page_pool *p;
	const struct fill *f;
	size_t first;
	_Atomic uint64_t next; /* offset in the pages file */
	uint64_t end;
	_Atomic int failed; /* first negative errno */
};

/* The first extent whose bytes end behind this offset of the pages file. */
static size_t extent_at(const struct page_extents *x, size_t first, uint64_t off)
{
	size_t low = first, high = x->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct page_extent *e = &x->e[mid];
		uint64_t len = e->flags & PE_PRESENT ? e->end - e->start : 0;

		if (e->file_off + len <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* No copy may go from one area into the next. */
static int uffd_extent(const struct uffd_job *job, const struct page_extent *e, size_t *hint)
{
	const struct fill *f = job->f;
	uint64_t start = e->start, end = e->end, data = (uint64_t)job->p->data + e->file_off;
	int ret = 0;

	for (; ret == 0 && start < e->end; start = end) {
		if (f->bound)
			end = f->bound(f, start, hint);
		if (end > e->end)
			end = e->end;
		ret = uffd_copy(job->p->uffd, f->at + (start - f->start), data + (start - e->start),
				end - start, NULL);
	}
	return ret;
}

static int uffd_part(const struct uffd_job *job, uint64_t off, uint64_t end)
{
	const struct page_extents *x = &job->p->x;
	const struct fill *f = job->f;
	struct page_extent e;
	size_t hint = 0;
	int ret = 0;

	for (size_t i = extent_at(x, job->first, off); ret == 0 && i < x->n; i++) {
		if (x->e[i].file_off >= end || x->e[i].start >= f->end)
			break;
		if (!clip(&x->e[i], f->start, f->end, &e))
			continue;
		if (e.file_off < off) {
			e.start += off - e.file_off;
			e.file_off = off;
		}
		if (e.file_off + (e.end - e.start) > end)
			e.end = e.start + (end - e.file_off);
		ret = uffd_extent(job, &e, &hint);
	}
	return ret;
}

static void *uffd_work(void *arg)
{
	struct uffd_job *job = arg;
	int ret = 0;

	while (ret == 0 && !job->failed) {
		uint64_t off = atomic_fetch_add(&job->next, UFFD_PART), end;

		if (off >= job->end)
			break;
		end = job->end - off > UFFD_PART ? off + UFFD_PART : job->end;
		ret = uffd_part(job, off, end);
		tally(job->p, end - off);
	}
	if (ret < 0)
		job->failed = ret;
	return NULL;
}

static int uffd_fill_all(struct page_pool *p, const struct fill *f, size_t first, uint64_t bytes)
{
	struct uffd_job job = { .p = p, .f = f, .first = first };
	size_t want = bytes / UFFD_PART < p->workers ? bytes / UFFD_PART : p->workers, n = 0;
	pthread_t threads[FILL_WORKERS_MAX];
	struct page_extent e = { 0 };

	while (first < p->x.n && !clip(&p->x.e[first], f->start, f->end, &e))
		first++;
	job.next = e.file_off;
	job.end = e.file_off + bytes;
	while (n + 1 < want && n < FILL_WORKERS_MAX &&
	       pthread_create(&threads[n], NULL, uffd_work, &job) == 0)
		n++;
	uffd_work(&job);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	/* The task's own threads are still to be made with the ids that they had. */
	if (n)
		team_await_alone();
	return job.failed;
}

static int fill_uffd(struct page_pool *p, const struct fill *f, size_t first, uint64_t bytes)
{
	int ret = map_data(p);

	if (ret < 0)
		return ret;
	if (uffd_register(p->uffd, f->at, f->end - f->start) < 0)
		return -EOPNOTSUPP;
	ret = f->cut ? f->cut(f) : 0;
	if (ret < 0)
		return ret;
	ret = uffd_fill_all(p, f, first, bytes);
	if (ret < 0)
		return err_set(p->err, ERR_KERNEL, -ret, "UFFDIO_COPY could not fill %llx-%llx",
			       (unsigned long long)f->start, (unsigned long long)f->end);
	ret = uffd_unregister(p->uffd, f->at, f->end - f->start);
	if (ret < 0)
		return err_set(p->err, ERR_KERNEL, -ret, "UFFDIO_UNREGISTER failed");
	return 0;
}

static int read_into(struct page_pool *p, struct iovec *iov, int n, uint64_t off, size_t len)
{
	ssize_t got = preadv(p->fd, iov, n, off);

	if (got == (ssize_t)len)
		return 0;
	/* A short read: piece by piece, to find out where and why. */
	for (int i = 0; i < n; i++) {
		int ret = pread_full(p->fd, iov[i].iov_base, iov[i].iov_len, off);

		if (ret < 0)
			return err_set(p->err, ret == -EFAULT ? ERR_KERNEL : ERR_IMAGE_CORRUPT,
				       -ret, "can't read pages to %p", iov[i].iov_base);
		off += iov[i].iov_len;
	}
	return 0;
}

/* Pages that follow each other in the file go out in one call, wherever they belong. */
static int fill_read(struct page_pool *p, const struct fill *f, size_t first)
{
	struct iovec iov[IOVS];
	uint64_t off = 0, len = 0;
	struct page_extent part;
	int n = 0, ret = 0;

	for (size_t i = first; ret == 0 && i < p->x.n && p->x.e[i].start < f->end; i++) {
		if (!clip(&p->x.e[i], f->start, f->end, &part))
			continue;
		if (n && (n == IOVS || part.file_off != off + len || len > (64u << 20))) {
			ret = read_into(p, iov, n, off, len);
			tally(p, len);
			n = 0;
			len = 0;
		}
		if (!n)
			off = part.file_off;
		iov[n].iov_base = (void *)(f->at + (part.start - f->start));
		iov[n].iov_len = part.end - part.start;
		len += iov[n++].iov_len;
	}
	if (ret == 0 && n) {
		ret = read_into(p, iov, n, off, len);
		tally(p, len);
	}
	return ret;
}

static int open_self_mem(struct page_pool *p)
{
	if (p->self_mem < 0)
		p->self_mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	return p->self_mem < 0 ? err_sys(p->err, "open", "can't open /proc/self/mem") : 0;
}

/* Whole pages, from one memory to the other, with the protection of one out of the way. */
static int copy_unprotected(struct page_pool *p, int prot, uint64_t at, void *to, const void *from,
			    size_t len)
{
	int ret = mprotect((void *)at, len, PROT_READ | PROT_WRITE);

	if (ret == 0) {
		memcpy(to, from, len);
		ret = mprotect((void *)at, len, prot);
	}
	return ret < 0 ? err_sys(p->err, "mprotect", "can't protect the memory at %llx",
				 (unsigned long long)at)
		       : 0;
}

/* Linux 6.12 can be told (CONFIG_PROC_MEM_FORCE_PTRACE, _NO_FORCE; proc_mem.force_override=) that
 * /proc/PID/mem does not pass over the protection, at least not for the process itself: EIO. */
static int write_forced(struct page_pool *p, int prot, uint64_t to, const void *from, size_t len)
{
	int ret = open_self_mem(p);

	if (ret < 0)
		return ret;
	ret = p->no_force ? -EIO : pwrite_full(p->self_mem, from, len, to);
	if (ret == -EIO) {
		p->no_force = true;
		return copy_unprotected(p, prot, to, (void *)to, from, len);
	}
	return ret < 0 ? err_set(p->err, ERR_KERNEL, -ret, "can't write to memory at %llx",
				 (unsigned long long)to)
		       : 0;
}

static int forced_part(struct page_pool *p, const struct fill *f, const struct page_extent *part)
{
	tally(p, part->end - part->start);
	return write_forced(p, f->prot, f->at + (part->start - f->start), p->data + part->file_off,
			    part->end - part->start);
}

static int fill_forced(struct page_pool *p, const struct fill *f, size_t first)
{
	struct page_extent part;
	int ret = map_data(p);

	for (size_t i = first; ret == 0 && i < p->x.n && p->x.e[i].start < f->end; i++)
		if (clip(&p->x.e[i], f->start, f->end, &part))
			ret = forced_part(p, f, &part);
	return ret;
}

/* Inherited memory that can't be read as it is protected: a copy of the page is looked at. */
static int read_forced(struct page_pool *p, int prot, uint64_t from, void *to)
{
	int ret = open_self_mem(p);

	if (ret < 0)
		return ret;
	ret = p->no_force ? -EIO : pread_full(p->self_mem, to, PAGE_SIZE_, from);
	if (ret == -EIO) {
		p->no_force = true;
		return copy_unprotected(p, prot, from, to, (void *)from, PAGE_SIZE_);
	}
	return ret < 0 ? err_set(p->err, ERR_KERNEL, -ret, "can't read the memory at %llx",
				 (unsigned long long)from)
		       : 0;
}

/* One page of inherited memory: shared with the forker as long as nobody writes to it. */
static int compare_page(struct page_pool *p, const struct fill *f, char *at, uint64_t off)
{
	char copy[PAGE_SIZE_], *now = f->prot & PROT_READ ? at : copy;
	int ret = map_data(p);

	if (ret == 0 && now == copy)
		ret = read_forced(p, f->prot, (uint64_t)at, copy);
	if (ret < 0)
		return ret;
	if (!memcmp(now, p->data + off, PAGE_SIZE_)) {
		p->kept++;
		return 0;
	}
	if (!(f->prot & PROT_WRITE))
		return write_forced(p, f->prot, (uint64_t)at, p->data + off, PAGE_SIZE_);
	memcpy(at, p->data + off, PAGE_SIZE_);
	return 0;
}

/* The same where it is known what differs: that is read into place, and nothing else touched. */
static int renew_part(struct page_pool *p, const struct fill *f, const struct page_extent *part)
{
	const unsigned char *alike = f->alike + part->file_off / PAGE_SIZE_;
	size_t n = (part->end - part->start) / PAGE_SIZE_, end;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n; i = end) {
		char *at = (char *)(f->at + (part->start - f->start) + i * PAGE_SIZE_);
		uint64_t off = part->file_off + i * PAGE_SIZE_;

		for (end = i + 1; end < n && alike[end] == alike[i];)
			end++;
		if (alike[i]) {
			p->kept += end - i;
		} else if (f->prot & PROT_WRITE) {
			size_t len = (end - i) * PAGE_SIZE_;

			ret = read_into(p, &(struct iovec){ at, len }, 1, off, len);
		} else {
			ret = map_data(p);
			if (ret == 0)
				ret = write_forced(p, f->prot, (uint64_t)at, p->data + off,
						   (end - i) * PAGE_SIZE_);
		}
	}
	return ret;
}

static int compare_part(struct page_pool *p, const struct fill *f, const struct page_extent *part)
{
	int ret = 0;

	p->compared += (part->end - part->start) / PAGE_SIZE_;
	if (f->alike)
		return renew_part(p, f, part);
	for (uint64_t a = part->start; ret == 0 && a < part->end; a += PAGE_SIZE_)
		ret = compare_page(p, f, (char *)(f->at + (a - f->start)),
				   part->file_off + (a - part->start));
	return ret;
}

static int drop(struct page_pool *p, const struct fill *f, uint64_t start, uint64_t end)
{
	if (start < end &&
	    madvise((void *)(f->at + (start - f->start)), end - start, MADV_DONTNEED) < 0)
		return err_sys(p->err, "madvise", "can't drop inherited pages %llx-%llx",
			       (unsigned long long)start, (unsigned long long)end);
	return 0;
}

/* Pages that the forker has and this task does not. */
static int drop_between(struct page_pool *p, const struct fill *f, uint64_t start, uint64_t end)
{
	const struct page_extents *had = f->had;
	uint64_t shift = f->had_start - f->start; /* modulo 2^64 */
	struct page_extent part;
	int ret = 0;

	for (size_t i = page_extents_find(had, start + shift);
	     ret == 0 && i < had->n && had->e[i].start < end + shift; i++)
		if (clip(&had->e[i], start + shift, end + shift, &part))
			ret = drop(p, f, part.start - shift, part.end - shift);
	return ret;
}

static int fill_compare(struct page_pool *p, const struct fill *f, size_t first)
{
	uint64_t last = f->start;
	struct page_extent part;
	int ret = 0;

	for (size_t i = first; ret == 0 && i < p->x.n && p->x.e[i].start < f->end; i++) {
		if (!clip(&p->x.e[i], f->start, f->end, &part))
			continue;
		ret = drop_between(p, f, last, part.start);
		if (ret == 0)
			ret = compare_part(p, f, &part);
		last = part.end;
		tally(p, part.end - part.start);
	}
	return ret < 0 ? ret : drop_between(p, f, last, f->end);
}

/* Page by page, through faults. */
static int fill_faulting(struct page_pool *p, const struct fill *f, size_t first)
{
	return f->prot & PROT_WRITE ? fill_read(p, f, first) : fill_forced(p, f, first);
}

/* Where the kernel gives huge pages unasked, a fault would bring 2 MiB for one page that was there:
 * memory that was sparse would grow, and what was advised against huge pages gets that advice only
 * when it is in its place. */
static int fill_small(struct page_pool *p, const struct fill *f, size_t first)
{
	bool off = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0 &&
		   prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
	int ret = fill_faulting(p, f, first);

	if (off)
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	return ret;
}

/* What a process writes into memory that is executable already, it may find in the data cache only:
 * processors but x86 are told. */
static void settle_code(const struct page_pool *p, const struct fill *f, size_t first)
{
	struct page_extent part;

	for (size_t i = first; f->prot & PROT_EXEC && i < p->x.n && p->x.e[i].start < f->end; i++)
		if (clip(&p->x.e[i], f->start, f->end, &part)) {
			char *at = (char *)(f->at + (part.start - f->start));

			__builtin___clear_cache(at, at + (part.end - part.start));
		}
}

static int fill_pages(struct page_pool *p, const struct fill *f, size_t first)
{
	size_t n;
	uint64_t bytes = present_bytes(p, f, first, &n);
	bool huge;
	int ret;

	if (f->compare)
		return fill_compare(p, f, first);
	if (!bytes)
		return f->cut ? f->cut(f) : 0;
	p->filled += bytes / PAGE_SIZE_;
	huge = f->huge ||
	       (p->huge_always && !f->small && bytes == f->end - f->start && bytes >= HUGE_MIN);
	if (f->anon && !huge && bytes >= UFFD_MIN && have_uffd(p)) {
		ret = fill_uffd(p, f, first, bytes);
		if (ret != -EOPNOTSUPP)
			return ret;
	}
	ret = p->huge_always && f->anon && !huge && f->end - f->start >= HUGE_MIN
		      ? fill_small(p, f, first)
		      : fill_faulting(p, f, first);
	return ret == 0 && f->cut ? f->cut(f) : ret;
}

int page_pool_fill(struct page_pool *p, const struct fill *f)
{
	size_t first = page_extents_find(&p->x, f->start);
	int ret = fill_pages(p, f, first);

	if (ret == 0)
		settle_code(p, f, first);
	return ret;
}

int page_pool_write(struct page_pool *p, int fd, uint64_t size)
{
	int ret = p->size ? map_data(p) : 0;

	for (size_t i = 0; ret == 0 && i < p->x.n; i++) {
		const struct page_extent *e = &p->x.e[i];
		uint64_t end = e->end < size ? e->end : size;

		if (!(e->flags & PE_PRESENT) || e->start >= end)
			continue;
		ret = pwrite_full(fd, p->data + e->file_off, end - e->start, e->start);
		if (ret < 0)
			return err_set(p->err, ERR_KERNEL, -ret,
				       "can't write %llu bytes of shared memory",
				       (unsigned long long)(end - e->start));
		p->filled += (e->end - e->start) / PAGE_SIZE_;
		tally(p, e->end - e->start);
	}
	return ret;
}

int page_pool_read(struct page_pool *p, uint64_t start, size_t len, void *buf)
{
	struct page_extent part;

	memset(buf, 0, len);
	for (size_t i = page_extents_find(&p->x, start);
	     i < p->x.n && p->x.e[i].start < start + len; i++) {
		int ret;

		if (!clip(&p->x.e[i], start, start + len, &part))
			continue;
		ret = pread_full(p->fd, (char *)buf + (part.start - start), part.end - part.start,
				 part.file_off);
		if (ret < 0)
			return err_set(p->err, ERR_IMAGE_CORRUPT, -ret, "can't read pages of %llx",
				       (unsigned long long)part.start);
	}
	return 0;
}
