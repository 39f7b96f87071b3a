/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message between wire format and memory. Unpacking is our own: protobuf-c's says no more than
 * NULL about a bad message, nests without a limit and takes scratch memory of many times the input.
 */
#ifndef IMAGE_CODEC_H
#define IMAGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

struct codec_fault {
	size_t offset;	 /* in the packed message */
	char field[128]; /* dotted path, "" when no field is known */
	const char *why;
	bool plain; /* no fault, and nothing unusual: all enums have values that they know */
};

/* Unpacks into the arena. Returns 0, or -EINVAL with *ret_fault filled, of which plain is always
 * told. Unknown fields are kept. */
int codec_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		 struct arena *a, struct codec_fault *ret_fault, ProtobufCMessage **ret_msg);
/* On the way out of a nested message: its field's name goes in front. */
void codec_fault_within(struct codec_fault *fault, const char *name);
/* Are all enum fields, at any depth, values of their enum. */
int codec_check_enums(const ProtobufCMessage *msg, struct codec_fault *ret_fault);

#endif
