/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message between wire format and memory. Of a bad one it is said what is wrong; nesting and
 * the memory that is taken have limits.
 */
#ifndef IMAGE_CODEC_H
#define IMAGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "image/message.h"

struct codec_fault {
	size_t offset;	 /* in the packed message */
	char field[128]; /* dotted path, "" when no field is known */
	const char *why;
	bool plain; /* no fault, and nothing unusual: all enums have values that they know */
};

/* Of entries that are alike, as a list of files has thousands of, most hold the same parts (the
 * options of a socket, an owner). A part that is, byte for byte, what the last one of its kind was
 * is that one: nobody may change it. Zeroed before the first; for one arena. */
#define CODEC_SAME_KINDS 8
#define CODEC_SAME_BYTES 120
struct codec_same {
	struct {
		const struct message_type *desc;
		ProtobufCMessage *msg;
		size_t len;
		uint8_t bytes[CODEC_SAME_BYTES];
	} last[CODEC_SAME_KINDS];
};

/* Unpacks into the arena. Returns 0, or -EINVAL with *ret_fault filled, of which plain is always
 * told. Unknown fields are kept. same may be NULL. */
int codec_unpack(const struct message_type *desc, const uint8_t *data, size_t len, struct arena *a,
		 struct codec_same *same, struct codec_fault *ret_fault,
		 ProtobufCMessage **ret_msg);
/* On the way out of a nested message: its field's name goes in front. */
void codec_fault_within(struct codec_fault *fault, const char *name);
/* Are all enum fields, at any depth, values of their enum. */
int codec_check_enums(const ProtobufCMessage *msg, struct codec_fault *ret_fault);

#endif
