/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing one image: header, framed messages, payload bytes, through a buffer of 64 KiB. The file
 * is made when the first byte is written: a list without entries is no file.
 */
#ifndef IMAGE_WRITER_H
#define IMAGE_WRITER_H

#include <stdint.h>

#include "image/dir.h"

struct image_writer;

int image_writer_open(struct image_dir *dir, enum image_kind kind, uint64_t key, struct err *err,
		      struct image_writer **ret_writer);
/* One framed message, complete in itself: a required string or sub-message that is NULL is an
 * ERR_INTERNAL that names the field. */
int image_write_msg(struct image_writer *w, const ProtobufCMessage *msg, struct err *err);
/* Payload bytes behind a message, without padding. */
int image_write_raw(struct image_writer *w, const void *data, size_t len, struct err *err);
/* For splice, sendfile and copy_file_range: empties the buffer and lends the descriptor, positioned
 * at the end of file; what the caller writes there is payload. */
int image_writer_fd(struct image_writer *w, struct err *err, int *ret_fd);
/* Flushes and closes; *w is NULL afterwards, whatever is returned. */
int image_writer_close(struct image_writer **w, struct err *err);
/* For cleanup attributes: drops an image that was not closed (its file goes too). */
void image_writer_drop(struct image_writer **w);
#define _cleanup_image_writer_ __attribute__((cleanup(image_writer_drop)))

/* An image of one message, and of an array of pointers to messages (none: no file). */
int image_write_one(struct image_dir *dir, enum image_kind kind, uint64_t key, const void *msg,
		    struct err *err);
int image_write_all(struct image_dir *dir, enum image_kind kind, uint64_t key, const void *msgs,
		    size_t count, struct err *err);
/* A service image in the work directory; replaces an old one in one step. */
int image_write_service(int dirfd, enum image_kind kind, const void *msgs, size_t count,
			struct err *err);

#endif
