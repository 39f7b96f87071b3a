/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of memory that is a file without a name (objects/segments.h): those of memfd_create,
 * and those had from mappings through /proc/PID/map_files. Kept: the inode, which mappings and
 * other descriptions share, and the description's flags, position and owner. What --inherit-fd
 * gives for "/memfd:NAME" takes the place of the inode, for descriptors and mappings alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "objects/file/file.h"
#include "objects/segments.h"

/* What open(2) takes and the description keeps; the rest does nothing for such a file. */
#define FLAGS_KEPT                                                                                 \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECT | O_NOATIME | O_PATH)

static bool memfd_match(const struct file_probe *p)
{
	return segment_matches(p);
}

static int memfd_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	MemfdFileEntry *e = arena_msg(dump_arena(d), MemfdFileEntry, memfd_file_entry);
	int ret = segment_collect(d, p, &e->inode_id);

	f->entry->memfd = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->pos = p->fd < 0 ? 0 : p->info.pos;
	return ret < 0 ? ret : fown_collect(d, p, &e->fown);
}

static int memfd_check(struct restore *r, struct restore_file *f)
{
	const MemfdFileEntry *e = f->entry->memfd;
	struct segment_in *s = NULL;
	int ret;

	if (!e || !e->fown || e->pos > INT64_MAX)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of file %u makes no sense", f->id);
	ret = segment_find(r, e->inode_id, &s);
	if (ret == 0 && !s)
		ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			      "files.img: file %u is of memfd inode %u, which is not in memfd.img",
			      f->id, e->inode_id);
	if (ret == 0 && segment_memfd_name(s))
		restore_inherit_fd(r, arena_printf(restore_arena(r), "/memfd:%s",
						   segment_memfd_name(s)));
	if (ret == 0)
		fown_check(r, f, e->fown, arena_printf(restore_arena(r), "memfd (file %u)", f->id));
	return ret;
}

static int memfd_prepare(struct restore *r, struct restore_file *f)
{
	const char *key, *name;
	struct segment_in *s;
	int fd, ret = segment_find(r, f->entry->memfd->inode_id, &s);

	if (ret < 0 || segment_is_replaced(s) || !(name = segment_memfd_name(s)))
		return ret;
	key = arena_printf(restore_arena(r), "/memfd:%s", name);
	fd = inherited_fd(r, key);
	if (fd >= 0)
		segment_replace(s, fd);
	return fd < 0 && fd != -ENOENT ? fd : 0;
}

static int memfd_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const MemfdFileEntry *e = f->entry->memfd;
	int fd, ret = segment_open(t, e->inode_id, e->flags & FLAGS_KEPT, &fd);

	if (ret < 0)
		return ret;
	if (e->pos && !(e->flags & O_PATH) && lseek(fd, e->pos, SEEK_SET) < 0) {
		ret = err_sys(restore_err(t->r), "lseek",
			      "can't set the position of a memfd to %llu",
			      (unsigned long long)e->pos);
		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}

static int memfd_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->memfd->fown, f->entry->memfd->flags, fd);
}

const struct file_class memfd_class = {
	.name = "memfd",
	.type = FD_TYPES__MEMFD,
	.match = memfd_match,
	.collect = memfd_collect,
	.check = memfd_check,
	.prepare = memfd_prepare,
	.open = memfd_open,
	.attach = memfd_attach,
};
