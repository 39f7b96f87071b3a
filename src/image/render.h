/* SPDX-License-Identifier: Apache-2.0 */
/* Images as text: JSON byte for byte as CRIU's crit prints it, JSON back to an image, and a compact
 * text for people. */
#ifndef IMAGE_RENDER_H
#define IMAGE_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "image/reader.h"

struct render_options {
	bool pretty;	 /* indent of 4, and the annotations: hexadecimal, names of flags */
	bool no_payload; /* "... <size>" in place of payload bytes */
};

/* A whole image as `crit decode` prints it, with the newline at the end. */
int image_render_json(struct image_reader *r, const struct render_options *options, FILE *out,
		      struct err *err);
/* {"magic": …, "count": …} as `crit info`. */
int image_render_info(struct image_reader *r, FILE *out, struct err *err);
/* One line a simple entry, for people. */
int image_render_text(struct image_reader *r, FILE *out, struct err *err);
/* JSON of an image (either form) to the image's bytes, written to fd. */
int image_encode_json(const char *text, size_t len, int fd, struct err *err);

#endif
