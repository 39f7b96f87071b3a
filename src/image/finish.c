/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit over an older set that was cut short (commit.c): the older inventory is gone, and what
 * is not in its place yet is in the hidden folder. Every image of the new set is in one of the two,
 * with the size that the manifest has, so the commit is brought to its end.
 *
 * Images that nobody has moved yet can't be taken for older ones of the same name: the first is
 * moved only when all older ones are gone, and until then the folder has all of the new ones.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/staging.h"

#define MARK	  "committing"
#define INVENTORY "inventory.img"
#define MANIFEST  "crtools-manifest.img"

struct cut {
	int dir, folder;
	struct arena arena;
	const CrtoolsManifestEntry *manifest;
};

int image_staging_mark(int folder)
{
	int fd = openat(folder, MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static bool has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_sized(int dir, const CrtoolsManifestFile *file)
{
	struct stat st;

	return fstatat(dir, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == file->size;
}

static bool load_manifest(struct cut *cut)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	ProtobufCMessage *msg = NULL;
	int from = has(cut->folder, MANIFEST) ? cut->folder : cut->dir;

	if (image_reader_open_at(from, MANIFEST, IMAGE_CRTOOLS_MANIFEST, 2, &cut->arena, NULL, &r) <
		    0 ||
	    image_read_msg(r, NULL, NULL, &msg) < 0 || !msg)
		return false;
	cut->manifest = (const CrtoolsManifestEntry *)msg;
	return true;
}

/* Names come from a file, so they have to be those of images. */
static bool is_whole(const struct cut *cut)
{
	for (size_t i = 0; i < cut->manifest->n_file; i++) {
		const CrtoolsManifestFile *file = cut->manifest->file[i];
		enum image_kind kind;
		uint64_t key;

		if (!image_kind_by_file(file->name, &kind, &key) ||
		    !(has_sized(cut->folder, file) ||
		      (!has(cut->folder, file->name) && has_sized(cut->dir, file))))
			return false;
	}
	return true;
}

static bool is_listed(const struct cut *cut, const char *name)
{
	for (size_t i = 0; i < cut->manifest->n_file; i++)
		if (!strcmp(cut->manifest->file[i]->name, name))
			return true;
	return !strcmp(name, MANIFEST);
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* What is older than the folder's note was there when the dump began. */
static int remove_older(const struct cut *cut)
{
	int fd = openat(cut->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat note, st;
	struct dirent *e;

	if (!d || fstatat(cut->folder, "owner", &note, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	while ((e = readdir(d))) {
		enum image_kind kind;
		uint64_t key;

		if (!image_kind_by_file(e->d_name, &kind, &key) || image_kind_is_service(kind) ||
		    is_listed(cut, e->d_name) ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) ||
		    later(&st.st_ctim, &note.st_ctim))
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0)
			return -errno;
	}
	return 0;
}

static int move(const struct cut *cut, const char *name)
{
	return renameat(cut->folder, name, cut->dir, name) < 0 && errno != ENOENT ? -errno : 0;
}

static int move_rest(const struct cut *cut)
{
	int ret = move(cut, "parent");

	for (size_t i = 0; ret == 0 && i < cut->manifest->n_file; i++)
		if (strcmp(cut->manifest->file[i]->name, INVENTORY) != 0)
			ret = move(cut, cut->manifest->file[i]->name);
	if (ret == 0)
		ret = move(cut, MANIFEST);
	fsync(cut->dir);
	if (ret == 0)
		ret = move(cut, INVENTORY);
	fsync(cut->dir);
	return ret;
}

int image_staging_finish(int dirfd, int folder)
{
	struct cut cut = { .dir = dirfd, .folder = folder };
	int ret = -ENODATA;

	if (has(folder, MARK) && has(folder, INVENTORY) && !has(dirfd, INVENTORY) &&
	    load_manifest(&cut) && is_whole(&cut)) {
		ret = remove_older(&cut);
		if (ret == 0)
			ret = move_rest(&cut);
	}
	arena_free(&cut.arena);
	return ret;
}
