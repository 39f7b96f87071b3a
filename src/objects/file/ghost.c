/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files without a name (dump): what the kernel would throw away with the last descriptor goes to
 * ghost-file-ID.img: owner, mode, device number, target of a symbolic link, and the contents of
 * regular files without their holes; to crtools-files.img go the extended attributes and the
 * nanoseconds of times, for which CRIU's message has no place.
 *
 * The file is read through a description of the tool's own (by the magic link of the task's /proc),
 * so that positions stay where they are. Holes are found by SEEK_DATA and SEEK_HOLE, or, with
 * --ghost-fiemap, by the extents of FS_IOC_FIEMAP where the file system has that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "image/writer.h"
#include "objects/file/file.h"

#define COPY_BLOCK	(256u << 10)
#define SHORTER		"a removed file became shorter while it was copied"
#define CHUNKS_FROM	12288 /* CRIU writes smaller files as they are */
#define EXTENTS_BATCH	512
#define XATTR_LIST_MAX	65536
#define XATTR_VALUE_MAX 65536

struct extent_walk {
	int fd;
	uint64_t size;
	struct fiemap *map; /* NULL: by SEEK_DATA and SEEK_HOLE */
	uint32_t next;
	bool last;
};

static int next_seek(const struct extent_walk *w, uint64_t from, uint64_t *ret_start,
		     uint64_t *ret_end)
{
	off_t start = lseek(w->fd, from, SEEK_DATA), end;

	if (start < 0)
		return errno == ENXIO ? 0 : -errno;
	end = lseek(w->fd, start, SEEK_HOLE);
	if (end < 0)
		return -errno;
	*ret_start = start;
	*ret_end = end;
	return 1;
}

static int load_extents(struct extent_walk *w, uint64_t from)
{
	*w->map = (struct fiemap){ .fm_start = from,
				   .fm_length = w->size - from,
				   .fm_flags = FIEMAP_FLAG_SYNC,
				   .fm_extent_count = EXTENTS_BATCH };
	w->next = 0;
	return ioctl(w->fd, FS_IOC_FIEMAP, w->map) < 0 ? -errno : 0;
}

/* Extents that were allocated but never written read as zeroes: they are holes to us. */
static int next_extent(struct extent_walk *w, uint64_t from, uint64_t *ret_start, uint64_t *ret_end)
{
	for (;;) {
		const struct fiemap_extent *e = &w->map->fm_extents[w->next];
		uint64_t end;
		int ret;

		if (w->next == w->map->fm_mapped_extents) {
			if (w->last || from >= w->size)
				return 0;
			ret = load_extents(w, from);
			if (ret < 0 || !w->map->fm_mapped_extents)
				return ret;
			continue;
		}
		w->next++;
		w->last |= e->fe_flags & FIEMAP_EXTENT_LAST;
		end = e->fe_logical + e->fe_length;
		if (end > from)
			*ret_start = e->fe_logical > from ? e->fe_logical : from;
		if (end > from && !(e->fe_flags & FIEMAP_EXTENT_UNWRITTEN)) {
			*ret_end = end;
			return 1;
		}
		if (end > from)
			from = end;
	}
}

/* The next range with data at or behind from, cut at the end of file: 1, 0 when there is none. */
static int next_data(struct extent_walk *w, uint64_t from, uint64_t *ret_start, uint64_t *ret_end)
{
	int ret;

	if (from >= w->size)
		return 0;
	ret = w->map ? next_extent(w, from, ret_start, ret_end)
		     : next_seek(w, from, ret_start, ret_end);
	if (ret > 0 && *ret_end > w->size)
		*ret_end = w->size;
	return ret > 0 && *ret_start >= *ret_end ? 0 : ret;
}

/* By read and write: hugetlbfs has no splicing. */
static int copy_plainly(int out, int fd, uint64_t start, uint64_t end, struct err *err)
{
	_cleanup_free_ char *buf = malloc(COPY_BLOCK);

	if (!buf)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory to copy a removed file");
	while (start < end) {
		size_t want = end - start < COPY_BLOCK ? end - start : COPY_BLOCK;
		ssize_t n = pread(fd, buf, want, start);

		if (n < 0)
			return err_sys(err, "pread", "can't copy a removed file's contents");
		if (!n)
			return err_set(err, ERR_TASK_CHANGED, EIO, SHORTER);
		for (ssize_t at = 0, put; at < n; at += put) {
			put = write(out, buf + at, n - at);
			if (put < 0)
				return err_sys(err, "write",
					       "can't write a removed file's contents");
		}
		start += n;
	}
	return 0;
}

static int copy_out(struct image_writer *w, int fd, uint64_t start, uint64_t end, struct err *err)
{
	off_t at = start;
	int out, ret = image_writer_fd(w, err, &out);

	while (ret == 0 && (uint64_t)at < end) {
		ssize_t n = sendfile(out, fd, &at, end - at);

		if (n < 0 && errno == EINVAL)
			return copy_plainly(out, fd, at, end, err);
		if (n < 0)
			ret = err_sys(err, "sendfile", "can't copy a removed file's contents");
		else if (!n)
			ret = err_set(err, ERR_TASK_CHANGED, EIO, SHORTER);
	}
	return ret;
}

static int write_chunks(struct image_writer *w, struct extent_walk *walk, struct err *err)
{
	uint64_t start = 0, end = 0;
	int more, ret = 0;

	while (ret == 0 && (more = next_data(walk, end, &start, &end)) != 0) {
		GhostChunkEntry chunk = GHOST_CHUNK_ENTRY__INIT;

		if (more < 0) {
			errno = -more;
			return err_sys(err, "lseek", "can't find the holes of a removed file");
		}
		chunk.off = start;
		chunk.len = end - start;
		ret = image_write_msg(w, &chunk.base, err);
		if (ret == 0)
			ret = copy_out(w, walk->fd, start, end, err);
	}
	return ret;
}

/* Does the file system tell extents? If not, SEEK_DATA will do. */
static void try_fiemap(struct extent_walk *w)
{
	w->map = malloc(sizeof(*w->map) + EXTENTS_BATCH * sizeof(w->map->fm_extents[0]));
	if (w->map && load_extents(w, 0) < 0) {
		free(w->map);
		w->map = NULL;
	}
}

static int write_contents(struct dump *d, struct image_writer *w, const GhostFileEntry *e, int fd)
{
	struct extent_walk walk = { .fd = fd, .size = e->size };
	int ret;

	if (!e->chunks)
		return copy_out(w, fd, 0, e->size, dump_err(d));
	if (d->s->opts->ghost_fiemap)
		try_fiemap(&walk);
	ret = write_chunks(w, &walk, dump_err(d));
	free(walk.map);
	return ret;
}

static int read_xattr(struct dump *d, const char *path, const char *name, CrtoolsGhost *x)
{
	struct arena *a = dump_arena(d);
	_cleanup_free_ char *value = malloc(XATTR_VALUE_MAX);
	ssize_t len = value ? getxattr(path, name, value, XATTR_VALUE_MAX) : -1;
	CrtoolsXattr *entry;

	if (len < 0)
		return err_sys(dump_err(d), "getxattr",
			       "can't read the attribute %s of a removed file", name);
	entry = arena_msg(a, CrtoolsXattr, crtools_xattr);
	entry->name = arena_strdup(a, name);
	entry->has_value = true;
	entry->value.len = len;
	entry->value.data = arena_memdup(a, value, len);
	arena_push(a, x->xattr, x->n_xattr, entry);
	return 0;
}

static int read_xattrs(struct dump *d, int fd, CrtoolsGhost *x)
{
	_cleanup_free_ char *list = malloc(XATTR_LIST_MAX);
	char path[FD_PATH_SIZE];
	ssize_t len;
	int ret = 0;

	if (!list)
		return -ENOMEM;
	len = listxattr(fd_path(fd, path), list, XATTR_LIST_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0
					   : err_sys(dump_err(d), "listxattr",
						     "can't list a removed file's attributes");
	for (char *name = list; ret == 0 && name < list + len; name += strlen(name) + 1)
		ret = read_xattr(d, path, name, x);
	return ret;
}

static int fill_extra(struct dump *d, const struct ghost_out *g, int fd)
{
	CrtoolsGhost *x = arena_msg(dump_arena(d), CrtoolsGhost, crtools_ghost);

	extras_add(d)->ghost = x;
	x->has_id = x->has_atime_sec = x->has_atime_nsec = x->has_mtime_sec = x->has_mtime_nsec =
		true;
	x->id = g->id;
	x->atime_sec = g->stat.st_atim.tv_sec;
	x->atime_nsec = g->stat.st_atim.tv_nsec;
	x->mtime_sec = g->stat.st_mtim.tv_sec;
	x->mtime_nsec = g->stat.st_mtim.tv_nsec;
	/* The magic link of a symbolic link's descriptor can't be told from the link itself. */
	return S_ISLNK(g->stat.st_mode) ? 0 : read_xattrs(d, fd, x);
}

static int fill_head(struct dump *d, const struct ghost_out *g, int fd, GhostFileEntry *e)
{
	struct arena *a = dump_arena(d);
	const struct stat *st = &g->stat;

	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->mode = st->st_mode;
	e->has_dev = e->has_ino = true;
	e->dev = major(st->st_dev) << 20 | minor(st->st_dev); /* the kernel's own encoding */
	e->ino = st->st_ino;
	e->has_rdev = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	e->rdev = st->st_rdev;
	e->atim = arena_msg(a, Timeval, timeval);
	e->atim->tv_sec = st->st_atim.tv_sec;
	e->atim->tv_usec = st->st_atim.tv_nsec / 1000;
	e->mtim = arena_msg(a, Timeval, timeval);
	e->mtim->tv_sec = st->st_mtim.tv_sec;
	e->mtim->tv_usec = st->st_mtim.tv_nsec / 1000;
	if (S_ISREG(st->st_mode)) {
		e->size = st->st_size;
		e->has_chunks = e->has_size = e->chunks = st->st_size >= CHUNKS_FROM ||
							  st->st_blocks * 512 < st->st_size;
	} else if (S_ISLNK(st->st_mode)) {
		char *target = arena_alloc(a, st->st_size + 2);

		if (readlinkat(fd, "", target, st->st_size + 1) < 0)
			return err_sys(dump_err(d), "readlinkat", "can't read the removed link %s",
				       g->name);
		e->symlnk_target = target;
	}
	return 0;
}

int ghost_write(struct dump *d, struct ghost_out *g)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	bool regular = S_ISREG(g->stat.st_mode);
	GhostFileEntry e = GHOST_FILE_ENTRY__INIT;
	_cleanup_fd_ int fd = -1;
	int ret;

	fd = proc_openat(&g->task->stop->proc, g->magic,
			 regular ? O_RDONLY | O_NOATIME | O_NONBLOCK : O_PATH, dump_err(d));
	if (fd < 0)
		return fd;
	ret = fill_head(d, g, fd, &e);
	if (ret == 0)
		ret = fill_extra(d, g, fd);
	if (ret == 0)
		ret = image_writer_open(d->s->images, IMAGE_GHOST_FILE, g->id, dump_err(d), &w);
	if (ret == 0)
		ret = image_write_msg(w, &e.base, dump_err(d));
	if (ret == 0 && regular)
		ret = write_contents(d, w, &e, fd);
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}
