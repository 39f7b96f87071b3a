/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an opened set holds: names and sizes of all images, and of the small ones the bytes, each
 * opened once, and the messages, each decoded once. A restore looks at an image several times: to
 * hold it against the manifest, to verify it, to judge it, and to use it.
 */
#ifndef IMAGE_LISTING_H
#define IMAGE_LISTING_H

#include "base/hash.h"
#include "image/dir.h"
#include "image/pagemap.h"

struct listed_image {
	enum image_kind kind;
	bool looked; /* size and data are known */
	bool gone;   /* removed since the directory was read */
	bool decoded;
	bool plain; /* decoded, and no message was unusual (codec.h) */
	uint64_t key;
	uint64_t size;		 /* bytes */
	const char *data;	 /* all of its bytes, or NULL: to be read from the file */
	ProtobufCMessage **msgs; /* all of them, once they were read by image_read_all */
	size_t n_msgs;
	const char *payload;		     /* behind the only message: the rest of the data */
	const struct pagemap_image *pagemap; /* of a pagemap, once it was read */
};

struct listing {
	struct arena *records;	     /* bytes and messages */
	struct listed_image *images; /* sorted by kind and key */
	size_t n;
	_Atomic size_t kept; /* bytes of data */
	struct hash by_name;
};

/* Lists the names that the directory fd has; listing_free, also after a failure. */
int listing_load(int fd, struct err *err, struct listing *l);
/* Looks at an image of the listing, once: its size, and its bytes if they are kept. Threads may do
 * so at the same time, with images and arenas of their own. */
int listing_look(int fd, struct listing *l, struct listed_image *i, struct arena *a);
/* When all were looked at: those that are gone are left out, and others found quickly. */
void listing_settle(struct listing *l);
/* NULL: there is no such image. */
struct listed_image *listing_find(const struct listing *l, enum image_kind kind, uint64_t key);
void listing_free(struct listing *l);

#endif
