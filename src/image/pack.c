/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message to its bytes, those of protobuf-c's, in one pass: it is written from its
 * end to its front, so that the length of a nested message is known when it has to be written, and
 * nobody asks for sizes first. What must not be missing is looked at on the way. Fields go by the
 * descriptor's order; our messages have no packed fields and no oneofs.
 */
#include "image/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/reader.h"

enum { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_32 = 5 };

#define MISSING "the required field is missing"

/* At least that much room in front of what is there; the bytes stay at the end. */
static bool grow(struct packed *p, size_t len)
{
	size_t used = packed_len(p), room = (size_t)(p->end - p->buf) * 2 + len;
	uint8_t *buf = malloc(room);

	if (!buf)
		return false;
	memcpy(buf + room - used, p->data, used);
	if (p->buf != p->first)
		free(p->buf);
	p->buf = buf;
	p->end = buf + room;
	p->data = p->end - used;
	return true;
}

static inline bool has_room(struct packed *p, size_t len)
{
	return (size_t)(p->data - p->buf) >= len || grow(p, len);
}

/* The put functions that follow want room: a number, a length and a tag take no more than this. */
#define SMALL 32

static inline void put_varint(struct packed *p, uint64_t v)
{
	uint8_t *at;

	if (v < 0x80) {
		*--p->data = v;
		return;
	}
	p->data -= (63 - __builtin_clzll(v)) / 7 + 1;
	for (at = p->data; v >= 0x80; v >>= 7)
		*at++ = v | 0x80;
	*at = v;
}

static inline void put_bytes(struct packed *p, const void *bytes, size_t len)
{
	p->data -= len;
	if (len)
		memcpy(p->data, bytes, len);
}

static int bad(const char *field, const char *why, struct codec_fault *fault)
{
	fault->why = why;
	snprintf(fault->field, sizeof(fault->field), "%s", field);
	return -EINVAL;
}

static int put_message(struct packed *p, const ProtobufCMessage *msg, unsigned depth,
		       struct codec_fault *fault);

/* With its length. */
static int put_nested(struct packed *p, const struct message_field *f, const void *msg,
		      unsigned depth, struct codec_fault *fault)
{
	size_t before = packed_len(p);
	int ret;

	if (!msg)
		return bad(field_name(f), MISSING, fault);
	ret = put_message(p, msg, depth + 1, fault);
	if (ret == -EINVAL)
		codec_fault_within(fault, field_name(f));
	if (ret == 0 && !has_room(p, SMALL))
		ret = -ENOMEM;
	if (ret == 0)
		put_varint(p, packed_len(p) - before);
	return ret;
}

static int put_text(struct packed *p, const struct message_field *f, const void *text, size_t len,
		    struct codec_fault *fault)
{
	if (!text && (len || f->kind == PB_STRING))
		return bad(field_name(f), MISSING, fault);
	if (!has_room(p, len + SMALL))
		return -ENOMEM;
	put_bytes(p, text, len);
	put_varint(p, len);
	return 0;
}

/* A number, and its wire type. */
static unsigned put_number(struct packed *p, enum message_kind kind, const void *member)
{
	uint64_t wide;
	uint32_t word;

	switch (kind) {
	case PB_INT64:
	case PB_UINT64:
		memcpy(&wide, member, sizeof(wide));
		put_varint(p, wide);
		return WIRE_VARINT;
	case PB_SINT64:
		memcpy(&wide, member, sizeof(wide));
		put_varint(p, wide << 1 ^ -(wide >> 63));
		return WIRE_VARINT;
	case PB_FIXED64:
	case PB_SFIXED64:
	case PB_DOUBLE:
		put_bytes(p, member, 8); /* little endian, as this machine is */
		return WIRE_64;
	case PB_BOOL:
		put_varint(p, *(const protobuf_c_boolean *)member != 0);
		return WIRE_VARINT;
	default:
		memcpy(&word, member, sizeof(word));
	}
	switch (kind) {
	case PB_UINT32:
		put_varint(p, word);
		return WIRE_VARINT;
	case PB_SINT32:
		put_varint(p, (uint32_t)(word << 1 ^ -(word >> 31)));
		return WIRE_VARINT;
	case PB_FIXED32:
	case PB_SFIXED32:
	case PB_FLOAT:
		put_bytes(p, &word, 4);
		return WIRE_32;
	default: /* int32 and enums: as if they had 64 bits */
		put_varint(p, (uint64_t)(int32_t)word);
		return WIRE_VARINT;
	}
}

/* A value that is there, with its tag. */
static int put_value(struct packed *p, const struct message_field *f, const void *member,
		     unsigned depth, struct codec_fault *fault)
{
	const ProtobufCBinaryData *binary = member;
	const char *pointer;
	unsigned wire = WIRE_LEN;
	int ret = 0;

	switch (f->kind) {
	case PB_MESSAGE:
		ret = put_nested(p, f, *(void *const *)member, depth, fault);
		break;
	case PB_STRING:
		pointer = *(char *const *)member;
		ret = put_text(p, f, pointer, pointer ? strlen(pointer) : 0, fault);
		break;
	case PB_BYTES:
		ret = put_text(p, f, binary->data, binary->len, fault);
		break;
	default:
		if (!has_room(p, SMALL))
			return -ENOMEM;
		wire = put_number(p, f->kind, member);
	}
	if (ret == 0)
		put_varint(p, (uint64_t)f->number << 3 | wire);
	return ret;
}

static bool is_present(const ProtobufCMessage *msg, const struct message_field *f)
{
	const void *pointer;

	if (f->label == PB_REQUIRED)
		return true;
	if (f->kind != PB_STRING && f->kind != PB_MESSAGE)
		return *(const protobuf_c_boolean *)((const char *)msg + f->quantifier);
	pointer = *(void *const *)((const char *)msg + f->offset);
	return pointer;
}

static int put_repeated(struct packed *p, const ProtobufCMessage *msg,
			const struct message_field *f, unsigned depth, struct codec_fault *fault)
{
	size_t n = *(const size_t *)((const char *)msg + f->quantifier);
	const char *array = *(char *const *)((const char *)msg + f->offset);
	size_t size = message_kind_size(f->kind);
	int ret = 0;

	while (!ret && n--)
		ret = put_value(p, f, array + n * size, depth, fault);
	return ret;
}

static int put_unknown(struct packed *p, const struct message_unknown *u)
{
	if (!has_room(p, u->len + SMALL))
		return -ENOMEM;
	put_bytes(p, u->data, u->len);
	put_varint(p, (uint64_t)u->number << 3 | u->wire);
	return 0;
}

static int put_message(struct packed *p, const ProtobufCMessage *msg, unsigned depth,
		       struct codec_fault *fault)
{
	int ret = 0;

	if (depth > IMAGE_DEPTH_MAX)
		return bad("", "messages are nested too deep", fault);
	for (size_t i = msg->n_unknown_fields; !ret && i--;)
		ret = put_unknown(p, &msg->unknown_fields[i]);
	for (unsigned i = msg->descriptor->n_fields; !ret && i--;) {
		const struct message_field *f = message_fields_of(msg->descriptor) + i;

		if (f->label == PB_REPEATED)
			ret = put_repeated(p, msg, f, depth, fault);
		else if (is_present(msg, f))
			ret = put_value(p, f, (const char *)msg + f->offset, depth, fault);
	}
	return ret;
}

void packed_begin(struct packed *p)
{
	p->buf = p->first;
	p->data = p->end = p->first + sizeof(p->first);
}

void packed_free(struct packed *p)
{
	if (p->buf != p->first)
		free(p->buf);
}

int codec_pack(const ProtobufCMessage *msg, struct packed *p, struct codec_fault *ret_fault)
{
	ret_fault->offset = 0;
	ret_fault->field[0] = '\0';
	ret_fault->why = "";
	return put_message(p, msg, 0, ret_fault);
}
