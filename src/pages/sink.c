/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sinks that are files. Writers to one file wait for each other (its inode lock), so that on most
 * file systems a second worker helps reading only. Files on a tmpfs have a way of their own.
 */
#include <sched.h>

#include "base/io.h"
#include "pages/save.h"
#include "pages/sink_tmpfs.h"

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

int page_sink_write(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		    struct err *err)
{
	int ret = pwrite_full(sink->fd, buf, len, off);

	if (ret < 0)
		return err_set(err, ERR_IMAGE_WRITE, -ret, "can't write %zu bytes of pages", len);
	return 0;
}

void page_sink_open(struct page_sink *sink, int fd, const struct page_extents *x)
{
	*sink = (struct page_sink){ .write = page_sink_write, .fd = fd, .part = PAGE_PIECE };
	sink_tmpfs_open(sink, x->bytes);
}

void page_sink_close(struct page_sink *sink)
{
	if (sink->tmpfs)
		sink_tmpfs_close(sink);
}
