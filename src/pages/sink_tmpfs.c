/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a tmpfs file, in the order of what they cost:
 *
 * - Huge: MADV_COLLAPSE (Linux 6.1) gives a whole 2 MiB of the file one huge page, whatever the
 *   mount's huge= says (unless shmem_enabled is "deny"), and the source then reads straight into
 *   it: one copy, no fault. It needs a page that is there already, which a write of one byte makes,
 *   and memory that is not in fragments: the kernel may compact it, which takes longer than all
 *   that is won, so workers keep the score, and leave this way when it does not pay.
 * - Small: UFFDIO_COPY from a buffer, two copies and no fault.
 * - What neither does is written, and that tells why: a full file system, a limit.
 *
 * The map is given to userfaultfd only when the huge way is left, since the kernel collapses
 * nothing that a userfaultfd waits for (mm/khugepaged.c, collapse_file).
 */
#include "pages/sink_tmpfs.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/uffd.h"

#ifndef MADV_COLLAPSE /* 6.1 */
#define MADV_COLLAPSE 25
#endif

#define HUGE_	  (UINT64_C(2) << 20)
#define SMALL_MIN (UINT64_C(16) << 20) /* less is written as fast as placed */
#define SLOW_NS	  1500000	       /* for one huge page: what the small way takes for as much */
#define SCORE_MAX 8		       /* so many more failures than successes, and it is left */

struct tmpfs_file {
	char *map; /* all of it, at a multiple of HUGE_ */
	uint64_t size;
	pthread_mutex_t lock;
	_Atomic int score;
	_Atomic bool small; /* the huge way was left */
	_Atomic int uffd;   /* -1: none */
};

static void go_small(struct tmpfs_file *f)
{
	int fd;

	pthread_mutex_lock(&f->lock);
	if (!f->small && f->size >= SMALL_MIN) {
		fd = uffd_open();
		if (fd >= 0 && uffd_register(fd, (uint64_t)f->map, f->size) == 0) {
			f->uffd = fd;
			fd = -1;
		}
		if (fd >= 0)
			close(fd);
	}
	f->small = true;
	pthread_mutex_unlock(&f->lock);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* One huge page at [off, off + HUGE_), all zeroes. */
static bool make_huge(struct tmpfs_file *f, int fd, uint64_t off)
{
	uint64_t start = now_ns();
	bool made = pwrite(fd, "", 1, off) == 1 && madvise(f->map + off, HUGE_, MADV_COLLAPSE) == 0;

	if (!made && errno == EINVAL)
		go_small(f);
	else if (!made || now_ns() - start > SLOW_NS)
		f->score++;
	else if (f->score > 0)
		f->score--;
	if (f->score >= SCORE_MAX)
		go_small(f);
	return made;
}

static char *room(const struct page_sink *sink, uint64_t off, uint64_t end)
{
	struct tmpfs_file *f = sink->tmpfs;

	if (f->small || off % HUGE_ || end - off != HUGE_ || !make_huge(f, sink->fd, off))
		return NULL;
	return f->map + off;
}

static int place(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		 struct err *err)
{
	struct tmpfs_file *f = sink->tmpfs;
	uint64_t done = 0;

	if (f->uffd >= 0 &&
	    uffd_copy(f->uffd, (uint64_t)f->map + off, (uint64_t)buf, len, &done) == 0)
		return 0;
	return page_sink_write(sink, (const char *)buf + done, len - done, off + done, err);
}

/* The pages stay in the file; the tool's share of memory is not to grow with it. */
static void unmap_placed(const struct page_sink *sink, uint64_t off, uint64_t end)
{
	madvise(sink->tmpfs->map + off, end - off, MADV_DONTNEED);
}

/* The file's whole size at a multiple of HUGE_, or MAP_FAILED. */
static void *map_aligned(int fd, uint64_t size)
{
	char *space = mmap(NULL, size + HUGE_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t len = (size + PAGE_SIZE_ - 1) & -PAGE_SIZE_, head;
	void *map;

	if (space == MAP_FAILED)
		return MAP_FAILED;
	head = -(uint64_t)space % HUGE_;
	map = mmap(space + head, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED) {
		munmap(space, size + HUGE_);
		return map;
	}
	if (head)
		munmap(space, head);
	if (head < HUGE_)
		munmap(space + head + len, HUGE_ - head);
	return map;
}

void sink_tmpfs_open(struct page_sink *sink, uint64_t size)
{
	struct tmpfs_file *f;
	struct statfs fs;
	void *map;

	if (size < SMALL_MIN || fstatfs(sink->fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC ||
	    ftruncate(sink->fd, size) < 0)
		return;
	map = map_aligned(sink->fd, size);
	if (map == MAP_FAILED)
		return;
	f = calloc(1, sizeof(*f));
	if (!f) {
		munmap(map, size);
		return;
	}
	*f = (struct tmpfs_file){ .map = map, .size = size, .uffd = -1 };
	pthread_mutex_init(&f->lock, NULL);
	sink->tmpfs = f;
	sink->room = room;
	sink->write = place;
	sink->done = unmap_placed;
	sink->part = HUGE_;
}

void sink_tmpfs_close(struct page_sink *sink)
{
	struct tmpfs_file *f = sink->tmpfs;

	munmap(f->map, f->size);
	if (f->uffd >= 0)
		close(f->uffd);
	pthread_mutex_destroy(&f->lock);
	free(f);
	sink->tmpfs = NULL;
}
