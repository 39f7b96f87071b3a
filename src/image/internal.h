/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef IMAGE_INTERNAL_H
#define IMAGE_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "image/listing.h"
#include "image/reader.h"
#include "image/writer.h"

/* An image of a set in the making. */
struct made_image {
	char name[IMAGE_NAME_SIZE];
	enum image_kind kind;
	uint64_t size; /* bytes, where a writer has counted them */
	bool sized;
	bool moved; /* it is in its place */
};

/* An image that was in the directory before; removed at the commit, unless somebody (a page server
 * in the same directory) wrote it anew in the meantime. */
struct stale_image {
	char name[IMAGE_NAME_SIZE];
	ino_t ino;
	struct timespec ctime;
};

struct image_dir {
	int fd;	    /* the directory */
	int set_fd; /* where the files of the set are: fd, or the hidden folder */
	struct arena arena;
	struct arena records; /* what the listing keeps: bytes and messages */
	unsigned version;     /* of the headers: 1 (no common word) or 2 */
	InventoryEntry *inventory;
	CrtoolsManifestEntry *manifest;
	struct listing *listing; /* of a set to read; NULL: look at the files */

	bool writing;
	uint64_t inventory_hash; /* of the inventory that was written; 0 before */
	char staging[40];	 /* the hidden folder's name */
	int owner_fd;		 /* its note, locked as long as the writer lives */
	char *parent;
	pthread_mutex_t lock; /* of the list */
	struct made_image *made;
	size_t n_made;
	struct stale_image *stale;
	size_t n_stale;
};

/* Notes an image of the set in the making; -EEXIST when there is one of this name. */
int image_dir_note(struct image_dir *dir, enum image_kind kind, uint64_t key, struct err *err,
		   const char **ret_name);
void image_dir_forget(struct image_dir *dir, const char *name);
/* Tells what a writer that is done has written. */
void image_dir_wrote(struct image_dir *dir, const char *name, uint64_t size);
/* A reader of a file in a directory descriptor, with headers of the given version. */
int image_reader_open_at(int dirfd, const char *name, enum image_kind kind, unsigned version,
			 struct arena *a, struct err *err, struct image_reader **ret_reader);
/* The bytes of the next message, until the next call; NULL: the image ends here. */
int image_next(struct image_reader *r, struct err *err, const uint8_t **ret_data,
	       uint32_t *ret_len);
/* The message of these bytes, into an arena that need not be the reader's. */
int image_decode(struct image_reader *r, const struct message_type *desc, const uint8_t *data,
		 uint32_t len, struct arena *a, struct err *err, ProtobufCMessage **ret_msg);
/* Looks at all images of a listing and decodes those that are kept, by a team of threads; what is
 * wrong with one is left for whoever asks for it to tell. */
int image_read_ahead(struct image_dir *dir, struct err *err);
/* The messages of an image of the listing, of which there were none yet. */
int image_decode_listed(const struct image_dir *dir, struct listed_image *image, struct arena *a,
			struct err *err);
/* A writer of a file outside of a set, made at once. */
int image_writer_open_at(int dirfd, const char *name, enum image_kind kind, struct err *err,
			 struct image_writer **ret_writer);
/* Says that an image is bad; returns -EINVAL. */
int image_corrupt(struct err *err, const char *image, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* All bytes as one number, to tell one inventory from another. */
uint64_t image_hash(const char *data, size_t len);
/* For messages: the directory's path; size is 32 at least. */
const char *image_dir_where(const struct image_dir *dir, char *buf, size_t size);
int image_open_subdir(int dirfd, const char *path, struct err *err, int *ret_fd);
struct image_dir *image_dir_new(void);
/* Image i of the listing; false: it does not belong to the set. */
bool image_dir_listed(const struct image_dir *dir, size_t i, struct image_file *ret_file);

#endif
