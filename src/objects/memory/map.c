/* SPDX-License-Identifier: Apache-2.0 */
/* See areas.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "objects/memory/areas.h"
#include "objects/restored.h"

int area_mmap(struct restore_task *t, struct restore_vma *v, uint64_t at, int prot, int flags,
	      int fd, uint64_t off)
{
	size_t len = v->e->end - v->e->start;
	void *p;

	/* Alone it makes the kernel take a protection key, which is the programs' to give out
	 * (extra.c). */
	if (prot == PROT_EXEC)
		prot |= PROT_READ;
	p = mmap((void *)at, len, prot, flags | MAP_FIXED_NOREPLACE, fd, off);

	if (p == MAP_FAILED && errno == EEXIST)
		return -EEXIST;
	if (p == MAP_FAILED)
		return err_add_pid(restore_err(t->r), t->vpid,
				   err_sys(restore_err(t->r), "mmap",
					   "can't map %zu bytes for the area %llx-%llx", len,
					   (unsigned long long)v->e->start,
					   (unsigned long long)v->e->end));
	if ((uint64_t)p != at) {
		munmap(p, len);
		return -EEXIST;
	}
	v->addr = at;
	v->prot = prot;
	v->placed = true;
	return 0;
}

const char *area_link(struct dump_task *t, const struct proc_area *a)
{
	return arena_printf(dump_arena(t->dump), "map_files/%llx-%llx",
			    (unsigned long long)a->start, (unsigned long long)a->end);
}

/* The owner's access bits of the link (fs/proc/base.c, proc_map_files_instantiate). */
int area_open_mode(struct dump_task *t, const char *magic, const struct proc_area *a)
{
	struct stat st;

	if (!a->shared) /* reading is all that a private mapping ever needs */
		return O_RDONLY;
	if (fstatat(t->stop->proc.fd, magic, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		bool rd = st.st_mode & S_IRUSR, wr = st.st_mode & S_IWUSR;

		return rd && wr ? O_RDWR : wr ? O_WRONLY : O_RDONLY;
	}
	return a->shared && (a->vmflags & VMF_(MAYWRITE)) ? O_RDWR : O_RDONLY;
}

uint32_t area_huge_flags(const struct proc_area *a)
{
	uint64_t size = (uint64_t)a->kernel_page_kb << 10;

	if (!(a->vmflags & VMF_(HUGETLB)))
		return 0;
	return MAP_HUGETLB | (size ? (uint32_t)__builtin_ctzll(size) << MAP_HUGE_SHIFT : 0);
}

const char *area_object(struct arena *arena, const struct proc_area *a)
{
	return arena_printf(arena, "mapping %llx-%llx (%s)", (unsigned long long)a->start,
			    (unsigned long long)a->end, a->path[0] ? a->path : "anonymous");
}

int area_corrupt(struct restore_task *t, const struct restore_vma *v, const char *field)
{
	return image_bad(t, IMAGE_MM, t->vpid, "the area %llx-%llx has an impossible %s",
			 (unsigned long long)v->e->start, (unsigned long long)v->e->end, field);
}
