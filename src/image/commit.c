/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a set, and the moment it becomes visible. The invariant is that inventory.img is in the
 * directory only while the set around it is whole:
 *
 *	new images in the hidden folder, synced   old set whole
 *	old inventory removed                     no set, but the new one can be finished (finish.c)
 *	old images removed, new ones moved        the same
 *	manifest, then new inventory moved        new set whole
 *
 * The directory is synced between the steps (unless IMAGE_SYNC_NONE), so a power cut sees them in
 * this order as well. Pages files may be left to the kernel's own time: ext4, xfs and btrfs raise
 * the size of a file on disk only after the data before it, when it is written from the front to
 * the end, so that one which was cut short shows by its size, which the manifest has.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "image/staging.h"

#ifndef CRTOOLS_VERSION
#define CRTOOLS_VERSION ""
#endif

static int note_stale(struct image_dir *dir, struct err *err)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return err_sys(err, "openat", "can't list the images directory");
	while ((e = readdir(d))) {
		struct stale_image s = {};
		enum image_kind kind;
		struct stat st;
		uint64_t key;

		if (!image_kind_by_file(e->d_name, &kind, &key) || image_kind_is_service(kind) ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode))
			continue;
		image_kind_file(kind, key, s.name);
		s.ino = st.st_ino;
		s.ctime = st.st_ctim;
		arena_push(&dir->arena, dir->stale, dir->n_stale, s);
	}
	return 0;
}

int image_dir_create(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir)
{
	_cleanup_image_dir_ struct image_dir *dir = image_dir_new();
	char name[512];
	bool finished;
	int ret, made = 0;

	if (!dir)
		return err_sys(err, "malloc", "can't open %s", path);
	ret = image_open_subdir(dirfd, path, err, &dir->fd);
	if (ret)
		return ret;
	image_dir_where(dir, name, sizeof(name));
	ret = image_claim_dir(dir->fd, name, err);
	if (ret)
		return ret;
	image_staging_clean(dir->fd, 0, &finished);
	ret = image_check_unwritten(dir->fd, name, err);
	if (!ret)
		ret = note_stale(dir, err);
	if (!ret)
		made = image_staging_make(dir->fd, dir->staging, &dir->set_fd, &dir->owner_fd);
	image_unlock_dir(dir->fd);
	if (ret)
		return ret;
	if (made)
		return err_set(err, ERR_IMAGE_WRITE, -made, "can't make a folder in %s", name);
	dir->writing = true;
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

int image_dir_note(struct image_dir *dir, enum image_kind kind, uint64_t key, struct err *err,
		   const char **ret_name)
{
	struct made_image m = { .kind = kind };

	image_kind_file(kind, key, m.name);
	pthread_mutex_lock(&dir->lock);
	/* The name lives on its own: the list may move when it grows. */
	*ret_name = arena_strdup(&dir->arena, m.name);
	arena_push(&dir->arena, dir->made, dir->n_made, m);
	pthread_mutex_unlock(&dir->lock);
	if (!dir->writing)
		return err_set(err, ERR_INTERNAL, EROFS, "%s: the set is not being written",
			       m.name);
	return 0;
}

void image_dir_forget(struct image_dir *dir, const char *name)
{
	unlinkat(dir->set_fd, name, 0);
	pthread_mutex_lock(&dir->lock);
	for (size_t i = 0; i < dir->n_made; i++)
		if (!strcmp(dir->made[i].name, name))
			dir->made[i].name[0] = '\0';
	pthread_mutex_unlock(&dir->lock);
}

void image_dir_wrote(struct image_dir *dir, const char *name, uint64_t size)
{
	pthread_mutex_lock(&dir->lock);
	/* Most likely the last one. */
	for (size_t i = dir->n_made; i-- > 0;) {
		if (strcmp(dir->made[i].name, name))
			continue;
		dir->made[i].size = size;
		dir->made[i].sized = true;
		break;
	}
	pthread_mutex_unlock(&dir->lock);
}

int image_dir_create_raw(struct image_dir *dir, enum image_kind kind, uint64_t key, int flags,
			 struct err *err, int *ret_fd)
{
	const char *name;
	int fd, ret = image_dir_note(dir, kind, key, err, &name);

	if (ret)
		return ret;
	fd = openat(dir->set_fd, name, flags | O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		ret = err_set(err, ERR_IMAGE_WRITE, errno, "can't make the image %s", name);
		return err_add_image(err, name, ret);
	}
	*ret_fd = fd;
	return 0;
}

int image_dir_set_parent(struct image_dir *dir, const char *target, struct err *err)
{
	unlinkat(dir->set_fd, "parent", 0);
	if (symlinkat(target, dir->set_fd, "parent"))
		return err_set(err, ERR_IMAGE_WRITE, errno, "can't make the link parent to %s",
			       target);
	dir->parent = arena_strdup(&dir->arena, target);
	return 0;
}

/* Only what was written past a writer has to be looked at. */
static int size_of_made(struct image_dir *dir, const struct made_image *m, struct err *err,
			uint64_t *ret_size)
{
	struct stat st;

	if (!m->sized && fstatat(dir->set_fd, m->name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, "fstatat", "can't look at the image %s", m->name);
	*ret_size = m->sized ? m->size : (uint64_t)st.st_size;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct made_image *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int write_manifest(struct image_dir *dir, struct err *err)
{
	CrtoolsManifestEntry m = CRTOOLS_MANIFEST_ENTRY__INIT;
	size_t count = dir->n_made; /* without the manifest itself */
	struct utsname u;
	char boot[40];
	int ret;

	uname(&u);
	boot_id(boot);
	m.has_format = m.has_page_size = m.has_inventory_hash = 1;
	m.format = 1;
	m.tool_version = (char *)CRTOOLS_VERSION;
	m.boot_id = boot;
	m.page_size = sysconf(_SC_PAGESIZE);
	m.machine = u.machine;
	m.kernel = u.release;
	m.inventory_hash = dir->inventory_hash;
	/* Several threads may have written them, in any order. */
	qsort(dir->made, count, sizeof(*dir->made), by_name);
	for (size_t i = 0; i < count; i++) {
		CrtoolsManifestFile *f;

		if (!dir->made[i].name[0])
			continue;
		f = arena_msg(&dir->arena, CrtoolsManifestFile, crtools_manifest_file);
		f->name = dir->made[i].name;
		f->has_size = 1;
		ret = size_of_made(dir, &dir->made[i], err, &f->size);
		if (ret)
			return ret;
		arena_push(&dir->arena, m.file, m.n_file, f);
	}
	return image_write_one(dir, IMAGE_CRTOOLS_MANIFEST, 0, &m, err);
}

static int failed(struct err *err, const char *image, const char *what)
{
	int num = errno;

	err_set(err, ERR_IMAGE_WRITE, num, "can't %s %s", what, image);
	return err_add_image(err, image, -num);
}

/*
 * On ext4 and xfs the sync of the directory that follows commits the journal up to there, with the
 * sizes and extents of all files whose data were written before, and flushes the disk's cache: one
 * flush for the set in place of one a file. Elsewhere (btrfs logs single files) each is synced.
 */
static bool has_one_journal(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

static int sync_image(struct image_dir *dir, const struct made_image *m, bool start, bool journal,
		      struct err *err)
{
	_cleanup_fd_ int fd = openat(dir->set_fd, m->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int ret = 0;

	if (fd < 0)
		return failed(err, m->name, "open the image");
	if (start)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint */
	else if (journal)
		ret = sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT);
	else
		ret = fsync(fd);
	return ret ? failed(err, m->name, "sync the image") : 0;
}

/* First all start, then each is waited for. */
static int sync_images(struct image_dir *dir, enum image_sync sync, struct err *err)
{
	bool journal = has_one_journal(dir->fd);
	int ret = 0;

	for (int pass = 0; pass < 2 && sync != IMAGE_SYNC_NONE; pass++) {
		for (size_t i = 0; i < dir->n_made && !ret; i++) {
			const struct made_image *m = &dir->made[i];

			if (m->name[0] && (m->kind != IMAGE_PAGES || sync == IMAGE_SYNC_ALL))
				ret = sync_image(dir, m, !pass, journal, err);
		}
	}
	return ret;
}

static int sync_dir(struct image_dir *dir, enum image_sync sync, struct err *err)
{
	/* EINVAL: a file system whose directories can't be synced. */
	if (sync == IMAGE_SYNC_NONE || !fsync(dir->fd) || errno == EINVAL)
		return 0;
	return failed(err, "the images directory", "sync");
}

static int remove_stale(struct image_dir *dir, struct err *err)
{
	for (size_t i = 0; i < dir->n_stale; i++) {
		const struct stale_image *s = &dir->stale[i];
		struct stat st;

		if (fstatat(dir->fd, s->name, &st, AT_SYMLINK_NOFOLLOW)) {
			if (errno == ENOENT)
				continue;
			return failed(err, s->name, "look at the old image");
		}
		if (st.st_ino != s->ino || st.st_ctim.tv_sec != s->ctime.tv_sec ||
		    st.st_ctim.tv_nsec != s->ctime.tv_nsec)
			continue;
		if (unlinkat(dir->fd, s->name, 0) && errno != ENOENT)
			return failed(err, s->name, "remove the old image");
	}
	return 0;
}

static int move_images(struct image_dir *dir, bool inventory, struct err *err)
{
	for (size_t i = 0; i < dir->n_made; i++) {
		struct made_image *m = &dir->made[i];

		if (!m->name[0] || (m->kind == IMAGE_INVENTORY) != inventory)
			continue;
		if (renameat(dir->set_fd, m->name, dir->fd, m->name))
			return failed(err, m->name, "move into place the image");
		m->moved = true;
	}
	return 0;
}

/* One that came since the start belongs to a set that is about to be mixed up. */
static int remove_inventory(struct image_dir *dir, enum image_sync sync, struct err *err)
{
	int ret;

	if (faccessat(dir->fd, "inventory.img", F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	ret = image_staging_mark(dir->set_fd);
	if (ret) {
		errno = -ret;
		return failed(err, "the new set", "mark");
	}
	if (unlinkat(dir->fd, "inventory.img", 0) && errno != ENOENT)
		return failed(err, "inventory.img", "remove the old image");
	return sync_dir(dir, sync, err);
}

static int move_set(struct image_dir *dir, enum image_sync sync, struct err *err)
{
	int ret = remove_inventory(dir, sync, err);

	if (!ret)
		ret = remove_stale(dir, err);
	if (!ret && dir->parent && renameat(dir->set_fd, "parent", dir->fd, "parent"))
		ret = failed(err, "parent", "move into place the link");
	if (!ret)
		ret = move_images(dir, false, err);
	if (!ret)
		ret = sync_dir(dir, sync, err);
	if (!ret)
		ret = move_images(dir, true, err);
	return ret ? ret : sync_dir(dir, sync, err);
}

static void end_writing(struct image_dir *dir)
{
	/* The removal needs a descriptor, of which there may be no more. */
	close_fd(&dir->set_fd);
	close_fd(&dir->owner_fd);
	image_staging_remove(dir->fd, dir->staging);
	dir->set_fd = dir->fd;
	dir->writing = false;
}

int image_dir_commit(struct image_dir *dir, enum image_sync sync, struct err *err)
{
	char where[512];
	int ret;

	if (!dir->inventory_hash)
		return err_set(err, ERR_INTERNAL, EINVAL, "the image set has no inventory");
	ret = write_manifest(dir, err);
	if (!ret)
		ret = sync_images(dir, sync, err);
	if (!ret)
		ret = image_claim_dir(dir->fd, image_dir_where(dir, where, sizeof(where)), err);
	if (ret)
		return ret;
	ret = move_set(dir, sync, err);
	if (ret)
		image_dir_abort(dir);
	else
		end_writing(dir);
	image_unlock_dir(dir->fd);
	return ret;
}

void image_dir_abort(struct image_dir *dir)
{
	if (!dir->writing)
		return;
	/* The inventory is the last of those that may have moved, and the first to go. */
	for (size_t i = 0; i < dir->n_made; i++)
		if (dir->made[i].moved && dir->made[i].kind == IMAGE_INVENTORY)
			unlinkat(dir->fd, dir->made[i].name, 0);
	for (size_t i = 0; i < dir->n_made; i++)
		if (dir->made[i].moved)
			unlinkat(dir->fd, dir->made[i].name, 0);
	end_writing(dir);
}
