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
	uint64_t key;
	uint64_t size;		 /* bytes */
	const char *data;	 /* all of its bytes, or NULL: to be read from the file */
	ProtobufCMessage **msgs; /* all of them, once they were read by image_read_all */
	size_t n_msgs;
	bool decoded;
	const struct pagemap_image *pagemap; /* of a pagemap, once it was read */
};

struct listing {
	struct arena *records;	     /* bytes and messages */
	struct listed_image *images; /* sorted by kind and key */
	size_t n;
	struct hash by_name;
};

/* Lists the directory fd. All is in the arenas but the hash (listing_free). */
int listing_load(int fd, struct arena *a, struct arena *records, struct err *err,
		 struct listing *ret_listing);
/* NULL: there is no such image. */
struct listed_image *listing_find(const struct listing *l, enum image_kind kind, uint64_t key);
void listing_free(struct listing *l);

#endif
