/* SPDX-License-Identifier: Apache-2.0 */
/* Areas and pages. */
#include "image/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include <sys/stat.h>
#include <unistd.h>

/* Bits of vma_entry.status and pagemap_entry.flags. */
#define AREA_VSYSCALL	  0x4
#define AREA_FILE_PRIVATE 0x40
#define AREA_FILE_SHARED  0x80
#define AREA_SOCKET	  0x800
#define AREA_MEMFD	  0x4000
#define AREA_GUARD	  0x10000
#define AREA_SECRET	  0x2000000
#define AREA_URING	  0x4000000
#define AREA_PLUGIN	  0x8000000
#define AREA_UNSUPPORTED  0x80000000u
#define PAGES_PARENT	  1
#define PAGES_LAZY	  2
#define PAGES_PRESENT	  4

static int check_area_file(struct verify *v, const VmaEntry *vma)
{
	if (vma->status & AREA_PLUGIN)
		return 0;
	if (vma->status & AREA_URING)
		return check_file_id(v, "vmas.shmid", vma->shmid, FD_TYPES__CRTOOLS_URING);
	if (vma->status & AREA_SECRET)
		return check_file_id(v, "vmas.shmid", vma->shmid, FD_TYPES__CRTOOLS_SECRET);
	if (vma->status & AREA_SOCKET)
		return check_file_id(v, "vmas.shmid", vma->shmid, FD_TYPES__PACKETSK);
	if (vma->status & AREA_MEMFD)
		return check_file_id(v, "vmas.shmid", vma->shmid, FD_TYPES__MEMFD);
	if (vma->status & (AREA_FILE_PRIVATE | AREA_FILE_SHARED))
		return check_file_id(v, "vmas.shmid", vma->shmid, FD_TYPES__REG);
	return 0;
}

static int check_area(struct verify *v, const VmaEntry *vma, bool *guards)
{
	size_t mask = v->page_size - 1;

	if ((vma->start | vma->end) & mask || vma->start >= vma->end)
		return check_fail(v, "vmas.start", "%#" PRIx64 "-%#" PRIx64 " is no range of pages",
				  vma->start, vma->end);
	if (vma->status & AREA_UNSUPPORTED)
		return check_fail(v, "vmas.status",
				  "the area at %#" PRIx64 " is marked unsupported", vma->start);
	if (vma->status & AREA_GUARD) {
		*guards = true;
		return 0;
	}
	if (*guards)
		return check_fail(v, "vmas.status", "the area at %#" PRIx64 " comes after guards",
				  vma->start);
	if (vma->start < v->last_end)
		return check_fail(v, "vmas.start",
				  "the area at %#" PRIx64 " overlaps, or comes "
				  "before, the one that ends at %#" PRIx64,
				  vma->start, v->last_end);
	v->last_end = vma->end;
	return check_area_file(v, vma);
}

int check_mm(struct verify *v, const MmEntry *mm)
{
	const FileEntry *exe = hash_get(&v->files, mm->exe_file_id);
	bool guards = false;
	/* A program may run out of a memfd (fexecve). */
	int ret = check_file_id(v, "exe_file_id", mm->exe_file_id,
				exe && exe->type == FD_TYPES__MEMFD ? FD_TYPES__MEMFD
								    : FD_TYPES__REG);

	for (size_t i = 0; i < mm->n_vmas && !ret; i++)
		ret = check_area(v, mm->vmas[i], &guards);
	return ret;
}

static int check_range(struct verify *v, const struct pagemap_range *e)
{
	uint64_t bytes, end;

	if (e->start & (v->page_size - 1))
		return check_fail(v, "vaddr", "%#" PRIx64 " is not the start of a page", e->start);
	if (!e->pages || __builtin_mul_overflow(e->pages, v->page_size, &bytes) ||
	    __builtin_add_overflow(e->start, bytes, &end))
		return check_fail(v, "nr_pages", "%" PRIu64 " pages at %#" PRIx64, e->pages,
				  e->start);
	if (e->start < v->last_end)
		return check_fail(v, "vaddr",
				  "%#" PRIx64 " overlaps, or comes before, the range that"
				  " ends at %#" PRIx64,
				  e->start, v->last_end);
	if (e->flags & ~(PAGES_PARENT | PAGES_LAZY | PAGES_PRESENT))
		return check_fail(v, "flags", "%#x is unknown", e->flags);
	if ((e->flags & PAGES_PARENT) &&
	    faccessat(image_dir_fd(v->dir), "parent", F_OK, AT_SYMLINK_NOFOLLOW))
		return check_fail(v, "flags",
				  "the pages at %#" PRIx64 " are in the parent's images, "
				  "and there is no parent",
				  e->start);
	v->last_end = end;
	if (e->flags & PAGES_PRESENT)
		v->present_pages += e->pages; /* ranges don't overlap: no overflow */
	return 0;
}

static int check_pages(struct verify *v, uint32_t pages_id)
{
	char name[IMAGE_NAME_SIZE];
	uint64_t size = 0, want = v->present_pages * v->page_size;
	struct stat st;

	image_kind_file(IMAGE_PAGES, pages_id, name);
	if (!fstatat(v->dir->set_fd, name, &st, 0))
		size = st.st_size;
	else if (want || errno != ENOENT)
		return err_add_image(v->err, name,
				     err_set(v->err, ERR_IMAGE_MISSING, errno,
					     "the image %s, of %s, is missing", name, v->name));
	if (size == want)
		return 0;
	return image_corrupt(v->err, name, "it has %" PRIu64 " bytes, by %s it has %" PRIu64, size,
			     v->name, want);
}

int check_pagemap(struct verify *v)
{
	const struct pagemap_image *p;
	int ret = image_read_pagemap(v->dir, v->kind, v->key, &v->arena, v->err, &p);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < p->n; i++) {
		v->entry = i + 1; /* behind the head */
		ret = check_range(v, &p->ranges[i]);
	}
	return ret ? ret : check_pages(v, p->pages_id);
}
