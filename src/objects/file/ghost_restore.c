/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ghost images (restore): what is in them, checked before anything is made, and how a file becomes
 * what it was. Which names it gets meanwhile is remap_restore.c's affair.
 *
 * Order matters to the kernel: contents first; then the owner (chown clears set-id bits and
 * file capabilities), the mode, the extended attributes, and at last the times. It is all done
 * through the file's descriptor in /proc/self/fd, which works for every kind of file, with O_PATH
 * too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/reader.h"
#include "objects/file/file.h"

#define BLOCK 4096

static bool head_is_sane(const GhostFileEntry *e)
{
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return (!e->chunks || e->has_size) && e->size <= INT64_MAX;
	case S_IFLNK:
		return e->symlnk_target && *e->symlnk_target && strlen(e->symlnk_target) < PATH_MAX;
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	case S_IFCHR:
	case S_IFBLK:
		return e->has_rdev;
	default:
		return false;
	}
}

/* The next chunk, inside of the file; *ret NULL: no more. */
static int next_chunk(struct restore *r, struct image_reader *in, const GhostFileEntry *e,
		      GhostChunkEntry **ret)
{
	ProtobufCMessage *msg;
	int err = image_read_msg(in, &ghost_chunk_entry__descriptor, restore_err(r), &msg);

	*ret = err ? NULL : (GhostChunkEntry *)msg;
	if (err || !msg)
		return err;
	if ((*ret)->off > e->size || (*ret)->len > e->size - (*ret)->off ||
	    (*ret)->len > image_reader_left(in))
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			"%s: a chunk of %llu bytes at %llu does not fit into the file or the image",
			image_reader_name(in), (unsigned long long)(*ret)->len,
			(unsigned long long)(*ret)->off);
	return 0;
}

static int open_ghost(struct restore *r, uint32_t id, struct image_reader **ret,
		      GhostFileEntry **ret_e)
{
	ProtobufCMessage *msg;
	int err = image_reader_open(r->s->images, IMAGE_GHOST_FILE, id, restore_arena(r),
				    restore_err(r), ret);

	if (err == 0)
		err = image_read_msg(*ret, NULL, restore_err(r), &msg);
	if (err == 0 && !msg)
		err = err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "%s is empty",
			      image_reader_name(*ret));
	if (err == 0)
		*ret_e = (GhostFileEntry *)msg;
	return err;
}

int ghost_read(struct restore *r, uint32_t id, struct ghost_in **ret)
{
	_cleanup_image_reader_ struct image_reader *in = NULL;
	struct ghost_in *g = arena_new(restore_arena(r), struct ghost_in);
	GhostChunkEntry *chunk = NULL;
	int err;

	*g = (struct ghost_in){ .id = id, .fd = -1, .dir = -1 };
	err = open_ghost(r, id, &in, &g->e);
	if (err < 0)
		return err;
	if (!head_is_sane(g->e))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "%s: the entry makes no sense (mode 0%o)", image_reader_name(in),
			       g->e->mode);
	while (S_ISREG(g->e->mode) && g->e->chunks) {
		err = next_chunk(r, in, g->e, &chunk);
		if (err == 0 && chunk)
			err = image_skip_raw(in, chunk->len, restore_err(r));
		if (err < 0)
			return err;
		if (!chunk)
			break;
	}
	*ret = g;
	return 0;
}

/* By the name that it has for the moment, in the directory that matters. */
static int cant_fill(struct restore *r, const char *call, int fd)
{
	int num = errno;
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	errno = num;
	return err_sys(restore_err(r), call, "can't fill the removed file %s", path);
}

/* hugetlbfs has no write(2). What is zero stays a hole: a huge page costs. */
static int copy_mapped(struct restore *r, struct image_reader *in, int fd, uint64_t to,
		       uint64_t len)
{
	uint64_t at = image_reader_offset(in), size = to + len;
	char block[BLOCK];
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int ret = 0;

	if (map == MAP_FAILED)
		return cant_fill(r, "mmap", fd);
	for (uint64_t done = 0; ret == 0 && done < len; done += sizeof(block)) {
		size_t n = len - done < sizeof(block) ? len - done : sizeof(block);

		ret = pread_full(image_reader_fd(in), block, n, at + done);
		if (ret < 0)
			ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, -ret, "%s is too short",
				      image_reader_name(in));
		else if (block[0] || memcmp(block, block + 1, n - 1))
			memcpy(map + to + done, block, n);
	}
	munmap(map, size);
	return ret < 0 ? ret : image_skip_raw(in, len, restore_err(r));
}

static int copy_in(struct restore *r, struct image_reader *in, int fd, uint64_t to, uint64_t len)
{
	off_t at = image_reader_offset(in);
	uint64_t left = len;

	if (lseek(fd, to, SEEK_SET) < 0)
		return cant_fill(r, "lseek", fd);
	while (left) {
		ssize_t n = sendfile(fd, image_reader_fd(in), &at, left);

		if (n < 0 && errno == EINVAL && left == len)
			return copy_mapped(r, in, fd, to, len);
		if (n < 0)
			return cant_fill(r, "sendfile", fd);
		if (!n)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "%s is too short",
				       image_reader_name(in));
		left -= n;
	}
	return image_skip_raw(in, len, restore_err(r));
}

int ghost_fill(struct restore *r, struct ghost_in *g)
{
	_cleanup_image_reader_ struct image_reader *in = NULL;
	GhostChunkEntry *chunk;
	GhostFileEntry *e;
	int ret = open_ghost(r, g->id, &in, &e);

	if (ret < 0)
		return ret;
	if (!g->e->chunks)
		return copy_in(r, in, g->fd, 0, image_reader_left(in));
	if (ftruncate(g->fd, g->e->size) < 0)
		return err_sys(restore_err(r), "ftruncate",
			       "can't give a removed file its size, %llu",
			       (unsigned long long)g->e->size);
	do {
		ret = next_chunk(r, in, g->e, &chunk);
		if (ret == 0 && chunk)
			ret = copy_in(r, in, g->fd, chunk->off, chunk->len);
	} while (ret == 0 && chunk);
	return ret;
}

static int set_xattrs(struct restore *r, const struct ghost_in *g, const char *path,
		      const char *name)
{
	for (size_t i = 0; g->extra && i < g->extra->n_xattr; i++) {
		const CrtoolsXattr *x = g->extra->xattr[i];

		if (x->name && setxattr(path, x->name, x->value.data, x->value.len, 0) < 0)
			return err_sys(restore_err(r), "setxattr",
				       "can't set %s of the removed file %s", x->name, name);
	}
	return 0;
}

static int set_times(struct restore *r, const struct ghost_in *g, const char *path,
		     const char *name)
{
	const CrtoolsGhost *x = g->extra;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (x && x->has_atime_sec && x->atime_nsec < 1000000000 && x->mtime_nsec < 1000000000) {
		times[0] = (struct timespec){ x->atime_sec, x->atime_nsec };
		times[1] = (struct timespec){ x->mtime_sec, x->mtime_nsec };
	} else if (g->e->atim && g->e->mtim && g->e->atim->tv_usec < 1000000 &&
		   g->e->mtim->tv_usec < 1000000) {
		times[0] = (struct timespec){ g->e->atim->tv_sec, g->e->atim->tv_usec * 1000 };
		times[1] = (struct timespec){ g->e->mtim->tv_sec, g->e->mtim->tv_usec * 1000 };
	}
	if (utimensat(AT_FDCWD, path, times, 0) < 0)
		return err_sys(restore_err(r), "utimensat",
			       "can't set the times of the removed file %s", name);
	return 0;
}

int ghost_dress(struct restore *r, struct ghost_in *g, const char *name)
{
	char path[FD_PATH_SIZE];
	int ret;

	fd_path(g->fd, path);
	if (chown(path, g->e->uid, g->e->gid) < 0)
		return err_sys(restore_err(r), "chown", "can't give the removed file %s to %u:%u",
			       name, g->e->uid, g->e->gid);
	/* A symbolic link has no mode of its own. */
	if (!S_ISLNK(g->e->mode) && chmod(path, g->e->mode & 07777) < 0)
		return err_sys(restore_err(r), "chmod", "can't set the mode of the removed file %s",
			       name);
	ret = set_xattrs(r, g, path, name);
	return ret < 0 ? ret : set_times(r, g, path, name);
}
