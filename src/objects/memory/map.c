/* SPDX-License-Identifier: Apache-2.0 */
/* See areas.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "objects/memory/areas.h"
#include "objects/restored.h"

#define STEP (UINT64_C(1) << 30)

/*
 * An area that grew little by little may be larger than what the kernel gives at once: its guess at
 * what is too much (vm.overcommit_memory = 0; mm/util.c, __vm_enough_memory) looks at one call.
 * Neighbours without contents become one area again.
 */
static void *mmap_in_steps(uint64_t at, size_t len, int prot, int flags)
{
	for (size_t done = 0; done < len; done += STEP) {
		size_t n = len - done < STEP ? len - done : STEP;
		void *p = mmap((void *)(at + done), n, prot, flags, -1, 0);

		if (p == (void *)(at + done))
			continue;
		if (p != MAP_FAILED)
			munmap(p, n);
		if (done)
			munmap((void *)at, done);
		errno = p == MAP_FAILED ? errno : EEXIST;
		return MAP_FAILED;
	}
	return (void *)at;
}

static bool can_grow(size_t len, int flags)
{
	return len > STEP && flags & MAP_ANONYMOUS && flags & MAP_PRIVATE &&
	       !(flags & (MAP_HUGETLB | MAP_GROWSDOWN | MAP_NORESERVE));
}

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
	if (p == MAP_FAILED && errno == ENOMEM && can_grow(len, flags))
		p = mmap_in_steps(at, len, prot, flags | MAP_FIXED_NOREPLACE);
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

/* The owner's access bits of the link (fs/proc/base.c, proc_map_files_instantiate). */
int area_open_mode(struct dump_task *t, const struct proc_area *a)
{
	const char *link;
	struct stat st;

	if (!a->shared) /* reading is all that a private mapping ever needs */
		return O_RDONLY;
	/* Seen without a right to follow the link. */
	link = area_map_file(dump_arena(t->dump), a);
	if (fstatat(t->stop->proc.fd, link, &st, AT_SYMLINK_NOFOLLOW) == 0) {
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
