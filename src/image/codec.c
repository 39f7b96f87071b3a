/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): a message is a row of
 * {tag, value}; the tag is field number << 3 | wire type.
 *
 * 1. What writers really write (known fields in order, the values of a repeated one in a row,
 *    unpacked, enums with values that they have) is read in one pass, quick_level(). Anything else
 *    makes that give up, and the whole message is read again, carefully: it does not judge, so
 *    there is one place that does.
 * 2. Carefully, a level is read twice: the first pass checks tags, wire types and bounds and counts
 *    repeated values, the second one stores them; a nested message is entered in the second pass
 *    only, so that the cost is linear in the input.
 * 3. Memory taken is bounded by budget_of(len) a way; nesting by IMAGE_DEPTH_MAX.
 * 4. Parts of parts that are the same as before (struct codec_same) are not decoded again; what has
 *    to be read carefully never is one.
 * 5. Repeated scalars are accepted packed and unpacked, as proto2 readers must.
 */
#include "image/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "image/reader.h"

enum { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_GROUP, WIRE_GROUP_END, WIRE_32 };

#define FIELDS_MAX 128 /* of one message; criu_opts has 69 */

struct input {
	const uint8_t *base; /* of the whole message, for offsets */
	struct arena *a;
	size_t budget;
	struct codec_same *same; /* NULL: not asked for */
	struct codec_fault *fault;
};

struct span {
	const uint8_t *p, *end;
};

struct value {
	uint32_t number;
	unsigned wire;
	uint64_t scalar;   /* wire types VARINT, 64, 32 */
	struct span bytes; /* wire type LEN */
	const uint8_t *start;
};

static size_t budget_of(size_t len)
{
	/* The worst true ratio of memory to wire is about 15: a sysctl_entry without a value. */
	return len * 32 + 64 * 1024;
}

static int fail(struct input *in, const uint8_t *at, const struct message_field *field,
		const char *why)
{
	in->fault->offset = at - in->base;
	in->fault->why = why;
	snprintf(in->fault->field, sizeof(in->fault->field), "%s", field ? field_name(field) : "");
	return -EINVAL;
}

void codec_fault_within(struct codec_fault *fault, const char *name)
{
	char rest[sizeof(fault->field)];

	memcpy(rest, fault->field, sizeof(rest));
	if (rest[0])
		snprintf(fault->field, sizeof(fault->field), "%s.%.*s", name,
			 (int)(sizeof(rest) - 2 - strlen(name)), rest);
	else
		snprintf(fault->field, sizeof(fault->field), "%s", name);
}

static int prepend(struct codec_fault *fault, const char *name, int ret)
{
	if (ret)
		codec_fault_within(fault, name);
	return ret;
}

static void *take(struct input *in, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size > in->budget)
		return NULL;
	in->budget -= size;
	return arena_alloc(in->a, size);
}

static bool get_long_varint(struct span *s, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && s->p < s->end; shift += 7) {
		uint8_t byte = *s->p++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return shift < 63 || byte <= 1;
		}
	}
	return false;
}

/* Most are of one byte. */
static inline bool get_varint(struct span *s, uint64_t *ret)
{
	if (s->p < s->end && !(*s->p & 0x80)) {
		*ret = *s->p++;
		return true;
	}
	return get_long_varint(s, ret);
}

static bool get_fixed(struct span *s, size_t width, uint64_t *ret)
{
	if ((size_t)(s->end - s->p) < width)
		return false;
	*ret = 0;
	memcpy(ret, s->p, width); /* little endian, as this machine is */
	s->p += width;
	return true;
}

static const char *get_value(struct span *s, struct value *v)
{
	uint64_t tag, len;

	v->start = s->p;
	v->number = 0;
	if (!get_varint(s, &tag))
		return "the tag is damaged";
	v->number = tag >> 3;
	v->wire = tag & 7;
	if (tag >> 32 || !v->number)
		return "the field number is out of range";
	switch (v->wire) {
	case WIRE_VARINT:
		return get_varint(s, &v->scalar) ? NULL : "the number is damaged";
	case WIRE_64:
		return get_fixed(s, 8, &v->scalar) ? NULL : "the message ends inside of a value";
	case WIRE_32:
		return get_fixed(s, 4, &v->scalar) ? NULL : "the message ends inside of a value";
	case WIRE_LEN:
		if (!get_varint(s, &len))
			return "the length is damaged";
		if (len > (uint64_t)(s->end - s->p))
			return "the length is larger than what is left of the message";
		v->bytes = (struct span){ s->p, s->p + len };
		s->p += len;
		return NULL;
	default:
		return "the wire type is unknown";
	}
}

/* Writers put fields in the order of their numbers, as the descriptor has them: the one behind the
 * last is tried before all are searched. *next is 0 at first. NULL: the field is unknown. */
static const struct message_field *find_field(const struct message_type *desc, uint32_t number,
					      unsigned *next)
{
	const struct message_field *fields = message_fields_of(desc), *f;

	if (*next && fields[*next - 1].number == number) /* repeated */
		return &fields[*next - 1];
	if (*next < desc->n_fields && fields[*next].number == number)
		return &fields[(*next)++];
	f = message_field(desc, number);
	if (f)
		*next = f - fields + 1;
	return f;
}

static unsigned wire_of(enum message_kind kind)
{
	switch (kind) {
	case PB_SFIXED32:
	case PB_FIXED32:
	case PB_FLOAT:
		return WIRE_32;
	case PB_SFIXED64:
	case PB_FIXED64:
	case PB_DOUBLE:
		return WIRE_64;
	case PB_STRING:
	case PB_BYTES:
	case PB_MESSAGE:
		return WIRE_LEN;
	default:
		return WIRE_VARINT;
	}
}

static bool is_packed(const struct message_field *f, const struct value *v)
{
	return f->label == PB_REPEATED && v->wire == WIRE_LEN && wire_of(f->kind) != WIRE_LEN;
}

/* How many values a packed field holds; false: it ends inside of one. */
static bool count_packed(const struct message_field *f, struct span s, size_t *ret_count)
{
	unsigned wire = wire_of(f->kind);
	uint64_t scalar;

	for (*ret_count = 0; s.p < s.end; ++*ret_count)
		if (wire == WIRE_VARINT ? !get_varint(&s, &scalar)
					: !get_fixed(&s, wire == WIRE_64 ? 8 : 4, &scalar))
			return false;
	return true;
}

struct tally {
	size_t count[FIELDS_MAX]; /* values, by index of the field in the descriptor */
	size_t unknown;
	unsigned next; /* see find_field */
};

static int tally_value(struct input *in, const struct message_type *desc, const struct value *v,
		       struct tally *t)
{
	const struct message_field *f = find_field(desc, v->number, &t->next);
	size_t packed;

	if (!f) {
		t->unknown++;
		return 0;
	}
	if (is_packed(f, v)) {
		if (!count_packed(f, v->bytes, &packed))
			return fail(in, v->start, f, "the list of numbers is damaged");
		t->count[f - message_fields_of(desc)] += packed;
		return 0;
	}
	if (v->wire != wire_of(f->kind))
		return fail(in, v->start, f, "the value is of another type");
	if (f->kind == PB_STRING && memchr(v->bytes.p, 0, v->bytes.end - v->bytes.p))
		return fail(in, v->start, f, "the text holds a zero byte");
	if (f->kind == PB_MESSAGE && f->label != PB_REPEATED &&
	    t->count[f - message_fields_of(desc)])
		return fail(in, v->start, f, "the field is there twice");
	t->count[f - message_fields_of(desc)]++;
	return 0;
}

static int tally_level(struct input *in, const struct message_type *desc, struct span s,
		       struct tally *t)
{
	const struct message_field *fields = message_fields_of(desc);
	const uint8_t *start = s.p;
	const char *why;
	struct value v;
	int ret;

	while (s.p < s.end) {
		why = get_value(&s, &v);
		if (why)
			return fail(in, v.start, message_field(desc, v.number), why);
		ret = tally_value(in, desc, &v, t);
		if (ret)
			return ret;
	}
	for (unsigned i = 0; i < desc->n_fields; i++)
		if (fields[i].label == PB_REQUIRED && !t->count[i])
			return fail(in, start, &fields[i], "the required field is missing");
	return 0;
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void store_scalar(enum message_kind kind, uint64_t v, void *member)
{
	switch (kind) {
	case PB_BOOL:
		*(protobuf_c_boolean *)member = v != 0;
		break;
	case PB_SINT32:
		*(int32_t *)member = unzigzag((uint32_t)v);
		break;
	case PB_SINT64:
		*(int64_t *)member = unzigzag(v);
		break;
	default:
		if (message_kind_size(kind) == 4)
			*(uint32_t *)member = v;
		else
			*(uint64_t *)member = v;
	}
}

static int unpack_level(struct input *in, const struct message_type *desc, struct span s,
			unsigned depth, ProtobufCMessage **ret_msg);

static int store(struct input *in, const struct message_field *f, const struct value *v,
		 unsigned depth, void *member)
{
	size_t len = v->wire == WIRE_LEN ? (size_t)(v->bytes.end - v->bytes.p) : 0;
	ProtobufCBinaryData *binary = member;
	char *text;

	switch (f->kind) {
	case PB_MESSAGE:
		return prepend(in->fault, field_name(f),
			       unpack_level(in, field_message(f), v->bytes, depth + 1, member));
	case PB_STRING:
	case PB_BYTES:
		text = take(in, len + 1);
		if (!text)
			return fail(in, v->start, f, "the message unpacks to too much memory");
		memcpy(text, v->bytes.p, len);
		if (f->kind == PB_STRING) {
			*(char **)member = text;
		} else {
			binary->len = len;
			binary->data = (uint8_t *)text;
		}
		return 0;
	default:
		store_scalar(f->kind, v->scalar, member);
		return 0;
	}
}

static int store_repeated(struct input *in, const struct message_field *f, const struct value *v,
			  unsigned depth, ProtobufCMessage *msg)
{
	size_t *n = (size_t *)((char *)msg + f->quantifier);
	char *array = *(char **)((char *)msg + f->offset);
	size_t size = message_kind_size(f->kind);
	struct span s = v->bytes;
	uint64_t scalar;
	int ret;

	if (!is_packed(f, v)) {
		ret = store(in, f, v, depth, array + *n * size);
		*n += !ret;
		return ret;
	}
	while (s.p < s.end) {
		if (wire_of(f->kind) == WIRE_VARINT)
			get_varint(&s, &scalar); /* counted before, so it is well-formed */
		else
			get_fixed(&s, wire_of(f->kind) == WIRE_64 ? 8 : 4, &scalar);
		store_scalar(f->kind, scalar, array + (*n)++ * size);
	}
	return 0;
}

static int store_unknown(struct input *in, const struct value *v, const uint8_t *end,
			 ProtobufCMessage *msg)
{
	struct message_unknown *u = &msg->unknown_fields[msg->n_unknown_fields];
	const uint8_t *p = v->start;

	while (*p++ & 0x80) /* the data begin behind the tag: with the length, where there is one */
		;
	u->number = v->number;
	u->wire = v->wire;
	u->len = end - p;
	u->data = take(in, u->len);
	if (!u->data)
		return fail(in, v->start, NULL, "the message unpacks to too much memory");
	memcpy(u->data, p, u->len);
	msg->n_unknown_fields++;
	return 0;
}

/* The message with its defaults, and room for every repeated value. */
static ProtobufCMessage *make_message(struct input *in, const struct message_type *desc,
				      const struct tally *t)
{
	ProtobufCMessage *msg = take(in, desc->size);

	if (!msg)
		return NULL;
	message_init(desc, msg);
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const struct message_field *f = message_fields_of(desc) + i;
		void *array;

		if (f->label != PB_REPEATED || !t->count[i])
			continue;
		array = take(in, t->count[i] * message_kind_size(f->kind));
		if (!array)
			return NULL;
		*(void **)((char *)msg + f->offset) = array;
	}
	if (t->unknown) {
		msg->unknown_fields = take(in, t->unknown * sizeof(*msg->unknown_fields));
		if (!msg->unknown_fields)
			return NULL;
	}
	return msg;
}

static int store_value(struct input *in, const struct value *v, const uint8_t *end, unsigned depth,
		       ProtobufCMessage *msg, unsigned *next)
{
	const struct message_field *f = find_field(msg->descriptor, v->number, next);

	if (!f)
		return store_unknown(in, v, end, msg);
	if (f->label == PB_REPEATED)
		return store_repeated(in, f, v, depth, msg);
	if (f->label == PB_OPTIONAL && f->quantifier)
		*(protobuf_c_boolean *)((char *)msg + f->quantifier) = 1;
	return store(in, f, v, depth, (char *)msg + f->offset);
}

static int unpack_level(struct input *in, const struct message_type *desc, struct span s,
			unsigned depth, ProtobufCMessage **ret_msg)
{
	const uint8_t *start = s.p;
	ProtobufCMessage *msg;
	struct tally t;
	struct value v;
	int ret;

	if (depth > IMAGE_DEPTH_MAX)
		return fail(in, start, NULL, "messages are nested too deep");
	if (desc->n_fields > FIELDS_MAX)
		return fail(in, start, NULL, "the message type has too many fields");
	memset(t.count, 0, desc->n_fields * sizeof(t.count[0]));
	t.unknown = 0;
	t.next = 0;
	ret = tally_level(in, desc, s, &t);
	if (ret)
		return ret;
	t.next = 0;
	msg = make_message(in, desc, &t);
	if (!msg)
		return fail(in, start, NULL, "the message unpacks to too much memory");
	while (s.p < s.end) {
		get_value(&s, &v);
		ret = store_value(in, &v, s.p, depth, msg, &t.next);
		if (ret)
			return ret;
	}
	*ret_msg = msg;
	return 0;
}

/* --- the quick way ---------------------------------------------------------------------------- */

static bool skip_value(struct span *s, unsigned wire)
{
	uint64_t scalar;

	switch (wire) {
	case WIRE_VARINT:
		return get_varint(s, &scalar);
	case WIRE_64:
		return get_fixed(s, 8, &scalar);
	case WIRE_32:
		return get_fixed(s, 4, &scalar);
	default:
		if (!get_varint(s, &scalar) || scalar > (uint64_t)(s->end - s->p))
			return false;
		s->p += scalar;
		return true;
	}
}

static size_t tag_length(const struct value *v)
{
	size_t len = 1;

	while (v->start[len - 1] & 0x80)
		len++;
	return len;
}

static bool has_tag(struct span s, const struct value *v, size_t tag_len)
{
	return (size_t)(s.end - s.p) > tag_len && s.p[0] == v->start[0] &&
	       (tag_len == 1 || !memcmp(s.p, v->start, tag_len));
}

/* How many values of this field come in a row, the one that was read among them. */
static size_t count_row(const struct value *v, struct span rest)
{
	size_t tag_len = tag_length(v), n = 1;

	while (has_tag(rest, v, tag_len)) {
		rest.p += tag_len;
		if (!skip_value(&rest, v->wire))
			break; /* whoever reads it will see */
		n++;
	}
	return n;
}

static bool quick_level(struct input *in, const struct message_type *desc, struct span s,
			unsigned depth, ProtobufCMessage **ret_msg);

/* The entry of a file is a part of its message; the parts of that one are looked at. */
#define SAME_DEPTH 2

static bool quick_part(struct input *in, const struct message_type *desc, struct span s,
		       unsigned depth, ProtobufCMessage **ret_msg)
{
	size_t len = s.end - s.p, i = 0;

	if (!in->same || depth < SAME_DEPTH || len > CODEC_SAME_BYTES)
		return quick_level(in, desc, s, depth, ret_msg);
	while (i < CODEC_SAME_KINDS && in->same->last[i].desc && in->same->last[i].desc != desc)
		i++;
	if (i == CODEC_SAME_KINDS)
		return quick_level(in, desc, s, depth, ret_msg);
	if (in->same->last[i].desc && in->same->last[i].len == len &&
	    !memcmp(in->same->last[i].bytes, s.p, len)) {
		*ret_msg = in->same->last[i].msg;
		return true;
	}
	if (!quick_level(in, desc, s, depth, ret_msg))
		return false;
	in->same->last[i].desc = desc;
	in->same->last[i].msg = *ret_msg;
	in->same->last[i].len = len;
	memcpy(in->same->last[i].bytes, s.p, len);
	return true;
}

static bool quick_store(struct input *in, const struct message_field *f, const struct value *v,
			unsigned depth, void *member)
{
	if (f->kind == PB_MESSAGE)
		return quick_part(in, field_message(f), v->bytes, depth + 1, member);
	if (f->kind == PB_STRING && memchr(v->bytes.p, 0, v->bytes.end - v->bytes.p))
		return false;
	if (f->kind == PB_ENUM && !enum_name(field_enum(f), (int)v->scalar))
		return false;
	return !store(in, f, v, depth, member);
}

/* Numbers that were counted: they are whole. */
static void quick_numbers(const struct message_field *f, const struct value *v, struct span *s,
			  size_t n, char *array)
{
	size_t tag_len = tag_length(v), size = message_kind_size(f->kind);
	uint64_t scalar = v->scalar;

	for (;; array += size) {
		store_scalar(f->kind, scalar, array);
		if (!--n)
			return;
		s->p += tag_len;
		if (v->wire == WIRE_VARINT)
			get_varint(s, &scalar);
		else
			get_fixed(s, v->wire == WIRE_64 ? 8 : 4, &scalar);
	}
}

/* All values of the row that begins with v. */
static bool quick_row(struct input *in, const struct message_field *f, struct value *v,
		      struct span *s, unsigned depth, ProtobufCMessage *msg)
{
	size_t *ret_n = (size_t *)((char *)msg + f->quantifier);
	size_t n = count_row(v, *s), size = message_kind_size(f->kind);
	char *array = *ret_n ? NULL : take(in, n * size);

	if (!array)
		return false;
	*(char **)((char *)msg + f->offset) = array;
	*ret_n = n;
	if (v->wire != WIRE_LEN) {
		quick_numbers(f, v, s, n, array);
		return true;
	}
	for (;; array += size) {
		if (!quick_store(in, f, v, depth, array))
			return false;
		if (!--n)
			return true;
		if (get_value(s, v))
			return false;
	}
}

/* The value of a field that comes once, behind its tag. */
static bool quick_single(struct input *in, const struct message_field *f, struct span *s,
			 unsigned depth, ProtobufCMessage *msg)
{
	void *member = (char *)msg + f->offset;
	struct value v = { .wire = wire_of(f->kind) };
	uint64_t len;

	if (f->label == PB_OPTIONAL && f->quantifier)
		*(protobuf_c_boolean *)((char *)msg + f->quantifier) = 1;
	switch (v.wire) {
	case WIRE_VARINT:
		if (!get_varint(s, &v.scalar))
			return false;
		break;
	case WIRE_LEN:
		if (!get_varint(s, &len) || len > (uint64_t)(s->end - s->p))
			return false;
		v.bytes = (struct span){ s->p, s->p + len };
		s->p += len;
		return quick_store(in, f, &v, depth, member);
	default:
		if (!get_fixed(s, v.wire == WIRE_64 ? 8 : 4, &v.scalar))
			return false;
	}
	if (f->kind == PB_ENUM)
		return quick_store(in, f, &v, depth, member);
	store_scalar(f->kind, v.scalar, member);
	return true;
}

/* Fields come in the order of their numbers, which is the descriptor's: what is passed over is not
 * there. */
static bool quick_fields(struct input *in, struct span s, unsigned depth, ProtobufCMessage *msg)
{
	const struct message_field *f = message_fields_of(msg->descriptor);
	const struct message_field *end = f + msg->descriptor->n_fields;

	while (s.p < s.end) {
		struct span at = s;
		struct value v;
		uint64_t tag;

		if (!get_varint(&s, &tag))
			return false;
		for (; f < end && f->number < tag >> 3; f++)
			if (f->label == PB_REQUIRED)
				return false;
		if (f == end || tag != ((uint64_t)f->number << 3 | wire_of(f->kind)))
			return false;
		if (f->label != PB_REPEATED) {
			if (!quick_single(in, f, &s, depth, msg))
				return false;
		} else {
			s = at;
			if (get_value(&s, &v) || !quick_row(in, f, &v, &s, depth, msg))
				return false;
		}
		f++;
	}
	for (; f < end; f++)
		if (f->label == PB_REQUIRED)
			return false;
	return true;
}

/* False: not to be read this way. */
static bool quick_level(struct input *in, const struct message_type *desc, struct span s,
			unsigned depth, ProtobufCMessage **ret_msg)
{
	ProtobufCMessage *msg;

	if (depth > IMAGE_DEPTH_MAX)
		return false;
	msg = take(in, desc->size);
	if (!msg)
		return false;
	message_init(desc, msg);
	*ret_msg = msg;
	return quick_fields(in, s, depth, msg);
}

int codec_unpack(const struct message_type *desc, const uint8_t *data, size_t len, struct arena *a,
		 struct codec_same *same, struct codec_fault *ret_fault, ProtobufCMessage **ret_msg)
{
	struct input in = {
		.base = data, .a = a, .budget = budget_of(len), .same = same, .fault = ret_fault
	};

	ret_fault->plain = quick_level(&in, desc, (struct span){ data, data + len }, 0, ret_msg);
	if (ret_fault->plain)
		return 0;
	in.budget = budget_of(len);
	return unpack_level(&in, desc, (struct span){ data, data + len }, 0, ret_msg);
}

/* --- messages in memory ----------------------------------------------------------------------- */

static int walk(const ProtobufCMessage *msg, unsigned depth, struct codec_fault *fault);

static int walk_member(const struct message_field *f, const void *member, unsigned depth,
		       struct codec_fault *fault)
{
	const ProtobufCMessage *nested;

	if (f->kind == PB_ENUM) {
		if (enum_name(field_enum(f), *(const int *)member))
			return 0;
		fault->why = "the value is unknown";
		snprintf(fault->field, sizeof(fault->field), "%s", field_name(f));
		return -EINVAL;
	}
	nested = *(ProtobufCMessage *const *)member;
	return nested ? prepend(fault, field_name(f), walk(nested, depth + 1, fault)) : 0;
}

static bool is_present(const ProtobufCMessage *msg, const struct message_field *f)
{
	if (f->label == PB_REQUIRED || f->kind == PB_MESSAGE)
		return true;
	return *(const protobuf_c_boolean *)((const char *)msg + f->quantifier);
}

static int walk(const ProtobufCMessage *msg, unsigned depth, struct codec_fault *fault)
{
	int ret = 0;

	*fault = (struct codec_fault){ .why = "messages are nested too deep" };
	if (depth > IMAGE_DEPTH_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < msg->descriptor->n_fields && !ret; i++) {
		const struct message_field *f = message_fields_of(msg->descriptor) + i;
		const char *member = (const char *)msg + f->offset;
		size_t n;

		if (f->kind != PB_ENUM && f->kind != PB_MESSAGE)
			continue;
		if (f->label != PB_REPEATED) {
			if (is_present(msg, f))
				ret = walk_member(f, member, depth, fault);
			continue;
		}
		n = *(const size_t *)((const char *)msg + f->quantifier);
		for (size_t k = 0; k < n && !ret; k++)
			ret = walk_member(f,
					  *(char *const *)member + k * message_kind_size(f->kind),
					  depth, fault);
	}
	return ret;
}

int codec_check_enums(const ProtobufCMessage *msg, struct codec_fault *ret_fault)
{
	return walk(msg, 0, ret_fault);
}
