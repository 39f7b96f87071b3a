/* SPDX-License-Identifier: Apache-2.0 */
/* A message to its bytes. */
#ifndef IMAGE_PACK_H
#define IMAGE_PACK_H

#include "image/codec.h"

struct packed {
	uint8_t *data, *end; /* the result */
	uint8_t *buf;	     /* in front of it is room */
	uint8_t first[2048]; /* most messages need no more */
};
static inline size_t packed_len(const struct packed *p)
{
	return p->end - p->data;
}
void packed_begin(struct packed *p);
void packed_free(struct packed *p);
#define _cleanup_packed_ __attribute__((cleanup(packed_free)))

/* 0, -ENOMEM, or -EINVAL with *ret_fault filled (its offset is 0): a required string or message is
 * NULL, or they are nested too deep. */
int codec_pack(const ProtobufCMessage *msg, struct packed *p, struct codec_fault *ret_fault);

#endif
