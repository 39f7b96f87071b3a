/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of files, private and shared. Of a private one, the pages that were written are in the
 * pages image; a shared one's are the file's.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/memory/areas.h"
#include "objects/segments.h"

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	if (a->path[0] != '/' || !a->ino || a->vmflags & (VMF_(PFNMAP) | VMF_(IO)))
		return false;
	return !segment_is_sysv(a) &&
	       !(a->vmflags & VMF_(HUGETLB) && !strcmp(a->path, "/anon_hugepage"));
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	const char *magic = area_link(t, a);
	uint32_t id;
	int ret;

	e->status = VMA_AREA_REGULAR | (a->shared ? VMA_FILE_SHARED : VMA_FILE_PRIVATE);
	e->flags |= area_huge_flags(a);
	e->has_fdflags = true;
	e->fdflags = area_open_mode(t, a);
	if (!magic)
		return 0;
	ret = dump_file_of_area(t, a, magic, e->fdflags, &id);
	if (ret == 0)
		e->shmid = id;
	return ret;
}

static bool claims(const VmaEntry *e)
{
	return (e->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED)) &&
	       !(e->status & (VMA_AREA_MEMFD | VMA_AREA_SYSVIPC | VMA_AREA_AIORING));
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	if (v->e->pgoff % PAGE_SIZE_ || v->e->pgoff > INT64_MAX)
		return area_corrupt(t, v, "pgoff");
	return restore_file_by_id(t->r, v->e->shmid) ? 0 : area_corrupt(t, v, "shmid");
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	bool shared = v->e->status & VMA_FILE_SHARED;
	int mode = v->e->has_fdflags			 ? (int)v->e->fdflags
		   : shared && (v->e->prot & PROT_WRITE) ? O_RDWR
							 : O_RDONLY;
	_cleanup_fd_ int fd = -1;
	int ret = restore_open_by_id(t, v->e->shmid, mode & O_ACCMODE, &fd);

	if (ret < 0)
		return ret;
	flags |= (shared ? MAP_SHARED : MAP_PRIVATE) |
		 (v->e->flags & (MAP_NORESERVE | MAP_GROWSDOWN));
	return area_mmap(t, v, at, v->e->prot, flags, fd, v->e->pgoff);
}

const struct area_class file_area = {
	.name = "file mapping",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.place = place,
};
