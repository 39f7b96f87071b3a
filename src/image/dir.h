/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of images: opened to read a whole set, or created to write one.
 *
 * A set is whole if and only if inventory.img is there. A new set is written in a hidden folder of
 * the directory, and image_dir_commit moves it into place: the old inventory goes first, then the
 * old images, then the new ones come, then the manifest, and the new inventory last. A tool killed
 * at any instant leaves the old set, or no set, or the new set; never a mixture.
 */
#ifndef IMAGE_DIR_H
#define IMAGE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/kinds.h"
#include "image/messages.h"

struct image_dir;

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * Opens the set in path (relative to dirfd; dirfd may be AT_FDCWD; path "." or "" is dirfd itself).
 * Reads the inventory (ERR_IMAGE_MISSING without one, ERR_IMAGE_VERSION for an unknown version) and
 * holds all files against the manifest when there is one.
 */
int image_dir_open(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir);
/* The same, and nobody writes a set there until image_dir_let_go, or the end of this process and of
 * those that it has forked. ERR_IMAGE_BUSY: somebody does already. */
int image_dir_hold(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir);
void image_dir_let_go(struct image_dir *dir);
/* The set that the link `parent` (or image_dir_set_parent) names: only pages may be read from it,
 * so a pre-dump's inventory (img_version 0), or none, is fine. 0 and NULL when there is no link. */
int image_dir_open_parent(const struct image_dir *dir, struct err *err,
			  struct image_dir **ret_parent);
/* The inventory and the manifest of an opened set. The manifest is NULL when the inventory is not
 * the one that it was written with, as in a set of CRIU's; images of our own are not there then. */
const InventoryEntry *image_dir_inventory(const struct image_dir *dir);
const CrtoolsManifestEntry *image_dir_manifest(const struct image_dir *dir);
/* Is there an image of our own that does not count, for want of a manifest? */
bool image_dir_ignores(const struct image_dir *dir, enum image_kind kind, uint64_t key);
bool image_dir_has(const struct image_dir *dir, enum image_kind kind, uint64_t key);

struct image_file {
	enum image_kind kind;
	uint64_t key;
	uint64_t size; /* bytes */
	char name[IMAGE_NAME_SIZE];
};
/* All images of the set, sorted by kind and key; unknown names are left out. */
int image_dir_list(const struct image_dir *dir, struct arena *a, struct err *err,
		   struct image_file **ret_files, size_t *ret_count);
/* Opens a raw image (pages) for reading. -ENOENT, with err filled, when it is not there. The flags
 * are open(2)'s access mode and O_DIRECT. */
int image_dir_open_raw(const struct image_dir *dir, enum image_kind kind, uint64_t key, int flags,
		       struct err *err, int *ret_fd);

/* --- writing ---------------------------------------------------------------------------------- */

/* Starts a new set in an existing directory. What an earlier dump that was killed left behind is
 * removed. ERR_IMAGE_BUSY: another one is written there, or read by a restore. Nothing visible
 * changes before the commit. */
int image_dir_create(int dirfd, const char *path, struct err *err, struct image_dir **ret_dir);
/* Creates a raw image (mode 0600, O_RDWR|O_CLOEXEC, plus flags such as O_DIRECT); the caller writes
 * and closes it. Its size is taken at the commit. May be called from several threads. */
int image_dir_create_raw(struct image_dir *dir, enum image_kind kind, uint64_t key, int flags,
			 struct err *err, int *ret_fd);
/* The symbolic link `parent`, made at the commit; an old link is replaced. */
int image_dir_set_parent(struct image_dir *dir, const char *target, struct err *err);

enum image_sync {
	IMAGE_SYNC_NONE,  /* nothing is synced: images on a memory file system */
	IMAGE_SYNC_SMALL, /* all but the pages files; a short pages file is found by its size */
	IMAGE_SYNC_ALL,	  /* a power cut after the commit loses nothing */
};
/* Writes the manifest, syncs, moves the set into place. The set must hold an inventory. On failure
 * the directory holds no set (or still the old one, if nothing was moved yet). */
int image_dir_commit(struct image_dir *dir, enum image_sync sync, struct err *err);
/* Removes what was written. Nothing happens after a commit. */
void image_dir_abort(struct image_dir *dir);

/* --- both ------------------------------------------------------------------------------------- */

/* The directory itself (not the hidden folder); stays the dir's. */
int image_dir_fd(const struct image_dir *dir);
/* Aborts what is not committed, closes. NULL is fine. */
/* Before a fork: what was read so far can't be changed any more, and the children share it. */
void image_dir_seal(struct image_dir *dir);
void image_dir_close(struct image_dir *dir);
static inline void image_dir_cleanup(struct image_dir **dir)
{
	image_dir_close(*dir);
}
#define _cleanup_image_dir_ __attribute__((cleanup(image_dir_cleanup)))

#endif
