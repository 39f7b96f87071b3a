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
#include "image/staging.h"

int image_open_subdir(int dirfd, const char *path, struct err *err, int *ret_fd)
{
	int fd = openat(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_IMAGE_MISSING, ENOENT, "there is no directory %s", path);
	if (fd < 0)
		return err_set(err, ERR_PATH, errno, "the images directory %s can't be opened",
			       path);
	*ret_fd = fd;
	return 0;
}

uint64_t image_hash(const char *data, size_t len)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = 0;

		memcpy(&word, data + i, len - i < 8 ? len - i : 8);
		hash = hash_mix(hash, word);
	}
	return hash_mix(hash, len);
}

static int check_file(const struct image_dir *dir, const CrtoolsManifestFile *file, struct err *err)
{
	const char *name = file->name ? file->name : "";
	const struct listed_image *found;
	enum image_kind kind;
	uint64_t key;

	if (!image_kind_by_file(name, &kind, &key) || !file->has_size)
		return image_corrupt(err, "crtools-manifest.img",
				     "an entry has no name of an image");
	found = listing_find(dir->listing, kind, key);
	if (!found)
		return err_add_image(err, name,
				     err_set(err, ERR_IMAGE_MISSING, ENOENT,
					     "the image %s is missing", name));
	if (found->size != file->size)
		return image_corrupt(err, name,
				     "it has %" PRIu64 " bytes, at the dump it had %" PRIu64
				     " (if it was edited on purpose, remove crtools-manifest.img)",
				     found->size, file->size);
	return 0;
}

/* A manifest counts only beside the inventory that it was written with: CRIU, dumping into the same
 * directory later, leaves it there. */
static int load_manifest(struct image_dir *dir, struct err *err)
{
	const struct listed_image *inventory = listing_find(dir->listing, IMAGE_INVENTORY, 0);
	CrtoolsManifestEntry *m;
	int ret;

	/* An inventory of more bytes than are kept is not one of ours. */
	if (!inventory || !inventory->data ||
	    !listing_find(dir->listing, IMAGE_CRTOOLS_MANIFEST, 0))
		return 0;
	ret = image_read_one(dir, IMAGE_CRTOOLS_MANIFEST, 0, &dir->arena, err, &m);
	if (ret || !m->has_inventory_hash ||
	    m->inventory_hash != image_hash(inventory->data, inventory->size))
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

/* Before all others: it says how they begin. */
static int look_at_inventory(struct image_dir *dir, struct err *err)
{
	struct listed_image *inventory = listing_find(dir->listing, IMAGE_INVENTORY, 0);

	if (inventory && listing_look(dir->fd, dir->listing, inventory, &dir->records))
		return err_sys(err, "fstatat", "can't look at the image inventory.img");
	return 0;
}

static int load_inventory(struct image_dir *dir, struct err *err)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(dir, IMAGE_INVENTORY, 0, &dir->arena, err, &r);

	if (!ret)
		ret = image_read_msg(r, NULL, err, &msg);
	if (!ret && !msg)
		ret = image_corrupt(err, "inventory.img",
				    "it holds no entry, but ends at byte %llu",
				    (unsigned long long)image_reader_offset(r));
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

/* No set: perhaps one that was about to take the place of an older one. */
static void finish_cut(int fd)
{
	bool finished;

	if (image_lock_dir(fd))
		return;
	image_staging_clean(fd, 0, &finished);
	image_unlock_dir(fd);
}

/* What a person meets who has named another folder, or none. */
static int look_for_set(const struct image_dir *dir, struct err *err)
{
	char path[512];

	if (!faccessat(dir->fd, "inventory.img", F_OK, 0) || errno != ENOENT)
		return 0;
	image_dir_where(dir, path, sizeof(path));
	if (!faccessat(dir->fd, "pstree.img", F_OK, 0))
		return err_set(err, ERR_IMAGE_MISSING, ENOENT,
			       "the images in %s are not whole: the last one, inventory.img, is "
			       "missing",
			       path);
	return err_set(err, ERR_IMAGE_MISSING, ENOENT,
		       "there are no images of a tree in %s: no inventory.img", path);
}

const char *image_dir_where(const struct image_dir *dir, char *buf, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir->fd);
	n = readlink(link, buf, size - 1);
	if (n <= 0)
		return strcpy(buf, "the images directory");
	buf[n] = '\0';
	return buf;
}

static int open_set(int dirfd, const char *path, bool hold, struct err *err,
		    struct image_dir **ret_dir)
{
	_cleanup_image_dir_ struct image_dir *dir = image_dir_new();
	char where[512];
	bool missing;
	int ret;

	if (!dir)
		return err_sys(err, "malloc", "can't open %s", path);
	ret = image_open_subdir(dirfd, path, err, &dir->fd);
	if (ret)
		return ret;
	dir->set_fd = dir->fd;
	missing = faccessat(dir->fd, "inventory.img", F_OK, 0) < 0;
	if (missing)
		finish_cut(dir->fd);
	if (hold)
		ret = image_hold_dir(dir->fd, image_dir_where(dir, where, sizeof(where)), err);
	if (!ret && missing)
		ret = look_for_set(dir, err);
	if (ret)
		return ret;
	dir->listing = arena_new(&dir->arena, struct listing);
	dir->listing->records = &dir->records;
	dir->records.shared = true;
	ret = listing_load(dir->fd, err, dir->listing);
	if (!ret)
		ret = look_at_inventory(dir, err);
	if (!ret)
		ret = load_inventory(dir, err);
	if (!ret)
		ret = check_version(dir, err);
	if (!ret)
		ret = image_read_ahead(dir, err);
	if (!ret)
		ret = load_manifest(dir, err);
	if (ret)
		return ret;
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

int image_dir_open(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir)
{
	return open_set(dirfd, path, false, err, ret_dir);
}

int image_dir_hold(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir)
{
	return open_set(dirfd, path, true, err, ret_dir);
}

void image_dir_let_go(struct image_dir *dir)
{
	image_unlock_dir(dir->fd);
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
		kind == IMAGE_CRTOOLS_EPOLL || kind == IMAGE_CRTOOLS_RINGS ||
		kind == IMAGE_CRTOOLS_MANIFEST);
}

bool image_dir_ignores(const struct image_dir *dir, enum image_kind kind, uint64_t key)
{
	return is_foreign(dir, kind) && listing_find(dir->listing, kind, key);
}

bool image_dir_has(const struct image_dir *dir, enum image_kind kind, uint64_t key)
{
	char name[IMAGE_NAME_SIZE];

	if (is_foreign(dir, kind))
		return false;
	if (dir->listing)
		return listing_find(dir->listing, kind, key);
	return !faccessat(dir->set_fd, image_kind_file(kind, key, name), F_OK, AT_SYMLINK_NOFOLLOW);
}

bool image_dir_listed(const struct image_dir *dir, size_t i, struct image_file *ret_file)
{
	const struct listed_image *image = &dir->listing->images[i];

	if (is_foreign(dir, image->kind))
		return false;
	*ret_file = (struct image_file){ image->kind, image->key, image->size, "" };
	image_kind_file(image->kind, image->key, ret_file->name);
	return true;
}

int image_dir_list(const struct image_dir *dir, struct arena *a, struct err *err,
		   struct image_file **ret_files, size_t *ret_count)
{
	const struct listing *l = dir->listing;
	struct image_file *files;
	size_t n = 0;

	if (!l)
		return err_set(err, ERR_INTERNAL, EINVAL, "the set was not opened to be listed");
	files = arena_array(a, struct image_file, l->n);
	for (size_t i = 0; i < l->n; i++)
		if (image_dir_listed(dir, i, &files[n]))
			n++;
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

void image_dir_seal(struct image_dir *dir)
{
	arena_seal(&dir->records);
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
	if (dir->listing)
		listing_free(dir->listing);
	arena_free(&dir->arena);
	arena_free(&dir->records);
	free(dir);
}
