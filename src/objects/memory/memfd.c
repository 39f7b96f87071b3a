/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of memory that is a file without a name (objects/segments.h): memfd, shared anonymous
 * memory, shared /dev/zero, on small or huge pages; shared ones, and private views of them (of
 * which the pages that were written are the task's own). In images up to CRIU 3 shared anonymous
 * memory has a status of its own instead; those are taken as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/restored.h"
#include "objects/segments.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	if (!a->ino || segment_is_sysv(a))
		return false;
	if (a->vmflags & VMF_(HUGETLB))
		return !strncmp(a->path, "/memfd:", 7) ||
		       (a->shared && (!strcmp(a->path, "/anon_hugepage") ||
				      !strncmp(a->path, "[anon_shmem:", 12)));
	return segment_is_shmem(a->major, a->minor);
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	const char *magic = area_link(t, a);
	uint32_t id;
	int ret;

	e->status = VMA_AREA_REGULAR | VMA_AREA_MEMFD |
		    (a->shared ? VMA_FILE_SHARED : VMA_FILE_PRIVATE);
	e->flags |= area_huge_flags(a);
	e->has_fdflags = true;
	e->fdflags = area_open_mode(t, a);
	if (!magic)
		return 0;
	ret = dump_file_by_link(t, magic, 0, &id);
	if (ret == 0)
		e->shmid = id;
	return ret;
}

static bool claims(const VmaEntry *e)
{
	return !(e->status & VMA_AREA_SYSVIPC) && (e->status & (VMA_AREA_MEMFD | VMA_ANON_SHARED));
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	const struct restore_file *f;
	uint64_t end;

	if (v->e->pgoff % PAGE_SIZE_ ||
	    __builtin_add_overflow(v->e->pgoff, v->e->end - v->e->start, &end) || end > INT64_MAX)
		return area_corrupt(t, v, "pgoff");
	if (v->e->status & VMA_ANON_SHARED)
		return segment_of_shmid(t->r, v->e->shmid, end);
	f = restore_file_by_id(t->r, v->e->shmid);
	return f && f->entry->memfd ? 0 : area_corrupt(t, v, "shmid");
}

/* Before Linux 5.14. What can't be read is locked as it is touched. */
static void look_at_pages(const struct restore_vma *v, uint64_t at, uint64_t len)
{
	for (uint64_t done = 0; v->e->prot & PROT_READ && done < len; done += PAGE_SIZE_)
		(void)*(volatile const char *)(at + done);
}

/* Pages that are there are locked, where locking is on fault: so they have to be mapped first. */
static void populate(const struct restore_task *t, const struct restore_vma *v, int fd)
{
	const CrtoolsArea *x = area_extra(t, v->e->start);
	off_t end = v->e->pgoff + (v->e->end - v->e->start), at = v->e->pgoff, hole;
	uint64_t from;

	while (x && x->lock_on_fault && (at = lseek(fd, at, SEEK_DATA)) >= 0 && at < end) {
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole <= at || hole > end)
			hole = end;
		from = v->addr + (at - v->e->pgoff);
		if (madvise((void *)from, hole - at, MADV_POPULATE_READ) < 0)
			look_at_pages(v, from, hole - at);
		at = hole;
	}
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	int mode = v->e->has_fdflags ? (int)v->e->fdflags & O_ACCMODE : O_RDWR;
	_cleanup_fd_ int fd = -1;
	int ret = segment_open_area(t, v->e, mode, &fd);

	if (ret < 0)
		return ret;
	flags |= (v->e->status & VMA_FILE_PRIVATE ? MAP_PRIVATE : MAP_SHARED) |
		 (v->e->flags & MAP_NORESERVE);
	ret = area_mmap(t, v, at, v->e->prot, flags, fd, v->e->pgoff);
	if (ret == 0)
		populate(t, v, fd);
	return ret;
}

const struct area_class memfd_area = {
	.name = "memory file",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.share = segments_share,
	.place = place,
};
