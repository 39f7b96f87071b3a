/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in memory, and what they are made of. compile.py makes both of the .proto files, with
 * protobuf-c's names and members: `optional uint32 x` is has_x and x, `repeated` is n_x and *x.
 *
 * The tables hold no pointers, only places in each other, so that nothing in them has to be
 * relocated when the tool starts: with pointers they were 34 pages for each process to copy, which
 * was a twentieth of the smallest dump and restore.
 */
#ifndef IMAGE_MESSAGE_H
#define IMAGE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum message_label { PB_REQUIRED, PB_OPTIONAL, PB_REPEATED };
enum message_kind {
	PB_INT32,
	PB_SINT32,
	PB_SFIXED32,
	PB_INT64,
	PB_SINT64,
	PB_SFIXED64,
	PB_UINT32,
	PB_FIXED32,
	PB_UINT64,
	PB_FIXED64,
	PB_FLOAT,
	PB_DOUBLE,
	PB_BOOL,
	PB_ENUM,
	PB_STRING,
	PB_BYTES,
	PB_MESSAGE,
};

struct message_type {
	uint16_t name; /* in message_names, as all names */
	uint16_t size; /* of the struct */
	uint16_t first_field, n_fields;
	uint8_t has_initials; /* some fields do not begin as zero */
};

struct message_field {
	uint16_t name;
	uint16_t number;
	uint16_t offset;
	uint16_t quantifier; /* the offset of has_x or n_x, or 0 */
	uint16_t type;	     /* the place of its message or enum */
	uint8_t initial;     /* the place of its first value */
	uint8_t label, kind;
};

struct message_enum {
	uint16_t first_value, n_values;
};

struct message_value {
	uint16_t name;
	int32_t number;
};

extern const struct message_type message_types[];
extern const struct message_field message_fields[]; /* of a message: by their numbers */
extern const struct message_enum message_enums[];
extern const struct message_value message_values[]; /* of an enum: by their numbers */
extern const int64_t message_initials[];
extern const char message_names[];
extern const size_t n_message_types;

typedef int protobuf_c_boolean;

typedef struct {
	size_t len;
	uint8_t *data;
} ProtobufCBinaryData;

/* A field that the type does not know: what stands behind its tag. */
struct message_unknown {
	uint32_t number;
	unsigned int wire;
	size_t len;
	uint8_t *data;
};

/* What every message begins with. */
typedef struct {
	const struct message_type *descriptor;
	size_t n_unknown_fields;
	struct message_unknown *unknown_fields;
} ProtobufCMessage;

/* What a value of this kind takes in a struct. */
static inline size_t message_kind_size(enum message_kind kind)
{
	static const uint8_t sizes[] = {
		[PB_INT32] = 4,
		[PB_SINT32] = 4,
		[PB_SFIXED32] = 4,
		[PB_INT64] = 8,
		[PB_SINT64] = 8,
		[PB_SFIXED64] = 8,
		[PB_UINT32] = 4,
		[PB_FIXED32] = 4,
		[PB_UINT64] = 8,
		[PB_FIXED64] = 8,
		[PB_FLOAT] = 4,
		[PB_DOUBLE] = 8,
		[PB_BOOL] = sizeof(protobuf_c_boolean),
		[PB_ENUM] = 4,
		[PB_STRING] = sizeof(char *),
		[PB_BYTES] = sizeof(ProtobufCBinaryData),
		[PB_MESSAGE] = sizeof(void *),
	};

	return sizes[kind];
}

static inline const struct message_field *message_fields_of(const struct message_type *type)
{
	return &message_fields[type->first_field];
}

static inline const char *message_name(const struct message_type *type)
{
	return &message_names[type->name];
}

static inline const char *field_name(const struct message_field *f)
{
	return &message_names[f->name];
}

/* Of a field of the kind PB_MESSAGE. */
static inline const struct message_type *field_message(const struct message_field *f)
{
	return &message_types[f->type];
}

/* Of a field of the kind PB_ENUM. */
static inline const struct message_enum *field_enum(const struct message_field *f)
{
	return &message_enums[f->type];
}

/* A message that nobody has set anything of. */
void message_init(const struct message_type *type, ProtobufCMessage *msg);
/* NULL: there is no such field, no such value. */
const struct message_field *message_field(const struct message_type *type, uint32_t number);
const struct message_field *message_field_by_name(const struct message_type *type,
						  const char *name);
/* The name of a value, and the value of a name. */
const char *enum_name(const struct message_enum *e, int32_t number);
const struct message_value *enum_value_by_name(const struct message_enum *e, const char *name);

#endif
