/* SPDX-License-Identifier: Apache-2.0 */
/* A set of images to read; see dir.h. Writing is in commit.c and staging.c. */
#include "image/dir.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/io.h"
#include "image/internal.h"

int image_open_subdir(int dirfd, const char *path, struct err *err, int *ret_fd)
{
	int fd = openat(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_IMAGE_MISSING, ENOENT, "there is no directory %s", path);
	if (fd < 0)
		return err_sys(err, "openat", "can't open the images directory %s", path);
	*ret_fd = fd;
	return 0;
}

int image_file_hash(int dirfd, const char *name, struct err *err, uint64_t *ret_hash)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *data = NULL;
	uint64_t hash = 0;
	struct stat st;
	size_t len;
	int ret;

	if (fd < 0 || fstat(fd, &st))
		return err_add_image(err, name, err_sys(err, "openat", "can't open the image"));
	if (!S_ISREG(st.st_mode) || st.st_size > IMAGE_MESSAGE_MAX)
		return image_corrupt(err, name, "it is not a small regular file");
	ret = read_to_end(fd, &data, &len);
	if (ret)
		return err_add_image(err, name, err_set(err, ERR_KERNEL, -ret, "can't read"));
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = 0;

		memcpy(&word, data + i, len - i < 8 ? len - i : 8);
		hash = hash_mix(hash, word);
	}
	*ret_hash = hash_mix(hash, len);
	return 0;
}

static int check_file(const struct image_dir *dir, const CrtoolsManifestFile *file, struct err *err)
{
	const char *name = file->name ? file->name : "";
	enum image_kind kind;
	struct stat st;

	if (!image_kind_by_file(name, &kind, NULL) || !file->has_size)
		return image_corrupt(err, "crtools-manifest.img",
				     "an entry has no name of an image");
	if (fstatat(dir->fd, name, &st, 0)) {
		if (errno != ENOENT)
			return err_sys(err, "fstatat", "can't look at the image %s", name);
		return err_add_image(err, name,
				     err_set(err, ERR_IMAGE_MISSING, ENOENT,
					     "the image %s is missing", name));
	}
	if ((uint64_t)st.st_size != file->size)
		return image_corrupt(err, name,
				     "it has %" PRIu64 " bytes, at the dump it had %" PRIu64
				     " (if it was edited on purpose, remove crtools-manifest.img)",
				     (uint64_t)st.st_size, file->size);
	return 0;
}

/* A manifest counts only beside the inventory that it was written with: CRIU, dumping into the same
 * directory later, leaves it there. */
static int load_manifest(struct image_dir *dir, struct err *err)
{
	CrtoolsManifestEntry *m;
	uint64_t hash;
	int ret;

	if (faccessat(dir->fd, image_kind_info(IMAGE_CRTOOLS_MANIFEST)->pattern, F_OK, 0))
		return 0;
	ret = image_read_one(dir, IMAGE_CRTOOLS_MANIFEST, 0, &dir->arena, err, &m);
	if (!ret)
		ret = image_file_hash(dir->fd, "inventory.img", err, &hash);
	if (ret || !m->has_inventory_hash || m->inventory_hash != hash)
		return ret;
	if (m->has_format && m->format != 1)
		return err_add_image(err, "crtools-manifest.img",
				     err_set(err, ERR_IMAGE_VERSION, 0,
					     "the manifest has format %u, this tool knows 1",
					     m->format));
	for (size_t i = 0; i < m->n_file; i++) {
		ret = check_file(dir, m->file[i], err);
		if (ret)
			return ret;
	}
	dir->manifest = m;
	return 0;
}

static int load_inventory(struct image_dir *dir, struct err *err)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open_at(dir->fd, "inventory.img", IMAGE_INVENTORY, 2, &dir->arena,
				       err, &r);

	if (!ret)
		ret = image_read_msg(r, NULL, err, &msg);
	if (!ret && !msg)
		ret = image_corrupt(err, "inventory.img", "it holds no entry");
	if (ret)
		return ret;
	dir->inventory = (InventoryEntry *)msg;
	return 0;
}

static int check_version(struct image_dir *dir, struct err *err)
{
	dir->version = dir->inventory->img_version;
	if (dir->version == 1 || dir->version == 2)
		return 0;
	if (dir->version)
		err_set(err, ERR_IMAGE_VERSION, 0, "img_version is %u, this tool knows 1 and 2",
			dir->version);
	else
		err_set(err, ERR_IMAGE_VERSION, 0,
			"img_version is 0: a pre-dump holds memory alone and can't be restored");
	return err_add_image(err, "inventory.img", -EINVAL);
}

struct image_dir *image_dir_new(void)
{
	struct image_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->fd = dir->set_fd = dir->owner_fd = -1;
	dir->version = 2;
	pthread_mutex_init(&dir->lock, NULL);
	return dir;
}

int image_dir_open(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir)
{
	_cleanup_image_dir_ struct image_dir *dir = image_dir_new();
	int ret;

	if (!dir)
		return err_sys(err, "malloc", "can't open %s", path);
	ret = image_open_subdir(dirfd, path, err, &dir->fd);
	if (ret)
		return ret;
	dir->set_fd = dir->fd;
	ret = load_inventory(dir, err);
	if (!ret)
		ret = check_version(dir, err);
	if (!ret)
		ret = load_manifest(dir, err);
	if (ret)
		return ret;
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

int image_dir_open_parent(const struct image_dir *dir, struct err *err,
			  struct image_dir **ret_parent)
{
	_cleanup_image_dir_ struct image_dir *parent = NULL;
	int ret;

	*ret_parent = NULL;
	if (!dir->parent && faccessat(dir->fd, "parent", F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	parent = image_dir_new();
	if (!parent)
		return err_sys(err, "malloc", "can't open the parent images");
	ret = image_open_subdir(dir->fd, dir->parent ? dir->parent : "parent", err, &parent->fd);
	if (ret)
		return ret;
	parent->set_fd = parent->fd;
	if (!faccessat(parent->fd, "inventory.img", F_OK, 0)) {
		ret = load_inventory(parent, err);
		if (ret)
			return ret;
		if (parent->inventory->img_version) {
			ret = check_version(parent, err);
			if (ret)
				return ret;
		}
	}
	*ret_parent = TAKE_PTR(parent);
	return 0;
}

const InventoryEntry *image_dir_inventory(const struct image_dir *dir)
{
	return dir->inventory;
}

const CrtoolsManifestEntry *image_dir_manifest(const struct image_dir *dir)
{
	return dir->manifest;
}

/* Our own images beside an inventory of CRIU's are left over from an earlier dump. */
static bool is_foreign(const struct image_dir *dir, enum image_kind kind)
{
	return !dir->writing && !dir->manifest &&
	       (kind == IMAGE_CRTOOLS_TASK || kind == IMAGE_CRTOOLS_FILES ||
		kind == IMAGE_CRTOOLS_EPOLL || kind == IMAGE_CRTOOLS_MANIFEST);
}

bool image_dir_has(const struct image_dir *dir, enum image_kind kind, uint64_t key)
{
	char name[IMAGE_NAME_SIZE];

	return !is_foreign(dir, kind) &&
	       !faccessat(dir->set_fd, image_kind_file(kind, key, name), F_OK, AT_SYMLINK_NOFOLLOW);
}

static int compare_files(const void *a, const void *b)
{
	const struct image_file *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

int image_dir_list(const struct image_dir *dir, struct arena *a, struct err *err,
		   struct image_file **ret_files, size_t *ret_count)
{
	_cleanup_fd_ int fd = openat(dir->set_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct image_file *files = NULL;
	struct dirent *e;
	size_t n = 0;

	if (!d)
		return err_sys(err, "openat", "can't list the images directory");
	fd = -1; /* the stream's now */
	while ((e = readdir(d))) {
		struct image_file f;
		struct stat st;

		if (!image_kind_by_file(e->d_name, &f.kind, &f.key) || is_foreign(dir, f.kind))
			continue;
		if (fstatat(dir->set_fd, e->d_name, &st, 0)) {
			if (errno == ENOENT)
				continue;
			return err_sys(err, "fstatat", "can't look at the image %s", e->d_name);
		}
		f.size = st.st_size;
		image_kind_file(f.kind, f.key, f.name);
		arena_push(a, files, n, f);
	}
	if (n)
		qsort(files, n, sizeof(*files), compare_files);
	*ret_files = files;
	*ret_count = n;
	return 0;
}

int image_dir_open_raw(const struct image_dir *dir, enum image_kind kind, uint64_t key, int flags,
		       struct err *err, int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	char name[IMAGE_NAME_SIZE];
	struct stat st;

	image_kind_file(kind, key, name);
	fd = openat(dir->set_fd, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_add_image(err, name,
				     err_set(err, ERR_IMAGE_MISSING, ENOENT,
					     "the image %s is missing", name));
	if (fd < 0 || fstat(fd, &st))
		return err_add_image(err, name, err_sys(err, "openat", "can't open the image"));
	if (!S_ISREG(st.st_mode))
		return image_corrupt(err, name, "it is not a regular file");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int image_dir_fd(const struct image_dir *dir)
{
	return dir->fd;
}

void image_dir_close(struct image_dir *dir)
{
	if (!dir)
		return;
	if (dir->writing)
		image_dir_abort(dir);
	if (dir->set_fd != dir->fd)
		close_fd(&dir->set_fd);
	close_fd(&dir->fd);
	close_fd(&dir->owner_fd);
	pthread_mutex_destroy(&dir->lock);
	arena_free(&dir->arena);
	free(dir);
}
