/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of files, private and shared. Of a private one, the pages that were written are in the
 * pages image; a shared one's are the file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/memory/areas.h"

static bool match(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return a->path[0] == '/' && a->ino && !(a->vmflags & VMF_(HUGETLB)) &&
	       strncmp(a->path, "/memfd:", 7) && strncmp(a->path, "/SYSV", 5) &&
	       !(a->deleted && !strcmp(a->path, "/dev/zero")) && strncmp(a->path, "/[aio]", 6);
}

/* How the mapping's file was opened: the owner's access bits of the map_files link. */
static int open_mode(struct dump_task *t, const char *magic, const struct proc_area *a)
{
	struct stat st;

	if (fstatat(t->stop->proc.fd, magic, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		bool rd = st.st_mode & S_IRUSR, wr = st.st_mode & S_IWUSR;

		return rd && wr ? O_RDWR : wr ? O_WRONLY : O_RDONLY;
	}
	return a->shared && (a->vmflags & VMF_(MAYWRITE)) ? O_RDWR : O_RDONLY;
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	const char *magic = arena_printf(dump_arena(t->dump), "map_files/%llx-%llx",
					 (unsigned long long)a->start, (unsigned long long)a->end);
	uint32_t id;
	int ret;

	e->status = VMA_AREA_REGULAR | (a->shared ? VMA_FILE_SHARED : VMA_FILE_PRIVATE);
	e->has_fdflags = true;
	e->fdflags = open_mode(t, magic, a);
	ret = dump_file_by_link(t, magic, e->fdflags, &id);
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
	if (!restore_file_by_id(t->r, v->e->shmid))
		return err_set(restore_err(t->r), ERR_IMAGE_CORRUPT, EINVAL,
			       "the area %llx-%llx of task %d is of file %llu, which is not in the "
			       "images", (unsigned long long)v->e->start,
			       (unsigned long long)v->e->end, t->vpid,
			       (unsigned long long)v->e->shmid);
	return 0;
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	bool shared = v->e->status & VMA_FILE_SHARED;
	int mode = v->e->has_fdflags ? (int)v->e->fdflags :
		   shared && (v->e->prot & PROT_WRITE) ? O_RDWR : O_RDONLY;
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
