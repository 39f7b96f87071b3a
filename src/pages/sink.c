/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sinks that are files. Writers to one file wait for each other (its inode lock), so that on most
 * file systems a second worker helps reading only. A file on a tmpfs has its pages in memory, and
 * those can be placed with UFFDIO_COPY by all workers at the same time, at the price of a write.
 */
#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "kernel/uffd.h"
#include "pages/save.h"

#define SHARE (UINT64_C(8) << 20) /* bytes for which a worker is worth its start */

size_t page_workers(uint64_t bytes)
{
	cpu_set_t cpus;
	size_t n;

	if (bytes < 2 * SHARE || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	n = CPU_COUNT(&cpus);
	if (n > bytes / SHARE)
		n = bytes / SHARE;
	return n < PAGE_WORKERS_MAX ? n : PAGE_WORKERS_MAX;
}

static int write_file(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		      struct err *err)
{
	int ret = pwrite_full(sink->fd, buf, len, off);

	if (ret < 0)
		return err_set(err, ERR_IMAGE_WRITE, -ret, "can't write %zu bytes of pages", len);
	return 0;
}

/* What can't be placed is written, and that tells why: a full file system, a limit. */
static int place(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		 struct err *err)
{
	uint64_t done = 0;

	if (uffd_copy(sink->uffd, (uint64_t)sink->map + off, (uint64_t)buf, len, &done) == 0)
		return 0;
	return write_file(sink, (const char *)buf + done, len - done, off + done, err);
}

/* The pages stay in the file; the tool's share of memory is not to grow with it. */
static void unmap_placed(const struct page_sink *sink, uint64_t off, uint64_t end)
{
	madvise(sink->map + off, end - off, MADV_DONTNEED);
}

/* Whether the file can be mapped for placing: where anything speaks against it, it is written. */
static bool map_file(struct page_sink *sink, uint64_t size)
{
	struct statfs fs;
	void *map;

	if (fstatfs(sink->fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return false;
	sink->uffd = uffd_open();
	if (sink->uffd < 0)
		return false;
	if (ftruncate(sink->fd, size) < 0)
		goto no_uffd;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, sink->fd, 0);
	if (map == MAP_FAILED)
		goto no_uffd;
	if (uffd_register(sink->uffd, (uint64_t)map, size) == 0) {
		sink->map = map;
		sink->size = size;
		return true;
	}
	munmap(map, size);
no_uffd:
	close(sink->uffd);
	sink->uffd = -1;
	return false;
}

void page_sink_open(struct page_sink *sink, int fd, const struct page_extents *x)
{
	*sink = (struct page_sink){ .write = write_file, .fd = fd, .uffd = -1 };
	if (page_workers(x->bytes) < 2 || !map_file(sink, x->bytes))
		return;
	sink->write = place;
	sink->done = unmap_placed;
}

void page_sink_close(struct page_sink *sink)
{
	if (sink->map)
		munmap(sink->map, sink->size);
	sink->map = NULL;
	if (sink->uffd >= 0)
		close(sink->uffd);
	sink->uffd = -1;
}
