/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one image. Input is hostile: lengths are held against the file's size, a message may have
 * IMAGE_MESSAGE_MAX bytes and IMAGE_DEPTH_MAX levels, unpacking may not take more than 32 times the
 * packed size, and a failure names the file, the byte offset and the field.
 *
 * Messages live in the caller's arena: nothing is freed singly (never call *_free_unpacked).
 */
#ifndef IMAGE_READER_H
#define IMAGE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "image/dir.h"

#define IMAGE_MESSAGE_MAX (64u << 20)
#define IMAGE_DEPTH_MAX	  100

struct image_reader;

/* Opens and checks the header. A missing file: -ENOENT and ERR_IMAGE_MISSING. */
int image_reader_open(const struct image_dir *dir, enum image_kind kind, uint64_t key,
		      struct arena *a, struct err *err, struct image_reader **ret_reader);
/* An image outside of a set, by path: the kind follows from the header and, where kinds share a
 * word, from the name. */
int image_reader_open_file(int dirfd, const char *path, struct arena *a, struct err *err,
			   struct image_reader **ret_reader);
enum image_kind image_reader_kind(const struct image_reader *r);
const char *image_reader_name(const struct image_reader *r);
/* How many messages were read so far. */
unsigned image_reader_index(const struct image_reader *r);
/* The next message, of the kind's first type for the first one, of its second type afterwards
 * (desc NULL), or of the type given. At the end of file returns 0 and *ret_msg is NULL. */
int image_read_msg(struct image_reader *r, const struct message_type *desc, struct err *err,
		   ProtobufCMessage **ret_msg);
/* Where the next byte comes from, and how many there are left. */
uint64_t image_reader_offset(const struct image_reader *r);
uint64_t image_reader_left(const struct image_reader *r);
/* Payload bytes. */
int image_read_raw(struct image_reader *r, void *buf, size_t len, struct err *err);
int image_skip_raw(struct image_reader *r, uint64_t len, struct err *err);
/* Of kinds with payload, for splice, sendfile and copy_file_range: a descriptor and the offset of
 * the next byte in it; the caller uses explicit offsets and then skips what it took. Stays the
 * reader's. */
int image_reader_fd(const struct image_reader *r);
/* The length of the payload behind msg, a message that the reader of this kind gave; -EINVAL with
 * err filled if it is longer than what is left. Padding is included in ret_padded. */
int image_payload_length(struct image_reader *r, const ProtobufCMessage *msg, struct err *err,
			 uint64_t *ret_len, uint64_t *ret_padded);
void image_reader_close(struct image_reader *r);
static inline void image_reader_cleanup(struct image_reader **r)
{
	image_reader_close(*r);
}
#define _cleanup_image_reader_ __attribute__((cleanup(image_reader_cleanup)))

/* Messages of small images are decoded once for a set: whoever asks gets the same ones, which
 * live as long as the set and are not to be changed. Those of others are the arena's. */
/* Have its messages been asked for, and are they kept? */
bool image_is_decoded(const struct image_dir *dir, enum image_kind kind, uint64_t key);
/* And do all of their enum fields hold values of their enum? false: not known. */
bool image_is_plain(const struct image_dir *dir, enum image_kind kind, uint64_t key);
/* The message of an image of one message (further bytes must be payload that the kind has).
 * image_read_opt: *ret_msg is NULL and 0 is returned when there is no such file. */
int image_read_one(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msg);
int image_read_opt(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msg);
/* All messages of an image without payload; none if the file is missing. *ret_msgs is an array of
 * pointers. For HEAD_MANY kinds the first element is the head.
 *	FileEntry **files; size_t n;
 *	image_read_all(dir, IMAGE_FILES, 0, a, err, &files, &n); */
int image_read_all(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msgs, size_t *ret_count);
/* The message of an image of one message, and the payload behind it, of which *ret_len bytes are
 * there; NULL: they are to be read from the file. What is given belongs to the set. */
int image_read_with_payload(const struct image_dir *dir, enum image_kind kind, uint64_t key,
			    struct arena *a, struct err *err, void *ret_msg,
			    const char **ret_payload, uint64_t *ret_len);
/* A service image of the work directory; none if it is missing. */
int image_read_service(int dirfd, enum image_kind kind, struct arena *a, struct err *err,
		       void *ret_msgs, size_t *ret_count);

#endif
