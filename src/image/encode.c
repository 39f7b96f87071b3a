/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to an image, the way back of render.c: what crit or crtools decoded gives the same bytes
 * again. Numbers may be strings (decimal, 0x…), names of flags joined by |, names of enums and of
 * crit's dictionaries, devices as major:minor, addresses as text.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/internal.h"
#include "image/maps.h"
#include "image/pack.h"
#include "image/show.h"

struct encode {
	struct arena arena;
	FILE *out;
	struct err *err;
	size_t entry;
	const char *field;
};

static int bad(struct encode *e, const char *what)
{
	return err_set(e->err, ERR_IMAGE_CORRUPT, 0, "the JSON, entry %zu, field %s: %s", e->entry,
		       e->field, what);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int decode_base64(struct encode *e, struct json_object *o, ProtobufCBinaryData *ret)
{
	const char *s = json_object_get_string(o);
	size_t len = json_object_get_string_len(o);
	unsigned bits = 0;
	uint32_t word = 0;

	if (!json_object_is_type(o, json_type_string))
		return bad(e, "base64 text is wanted");
	ret->data = arena_alloc(&e->arena, len + 1);
	ret->len = 0;
	for (size_t i = 0; i < len && s[i] != '='; i++) {
		int digit = base64_digit(s[i]);

		if (digit < 0 && isspace((unsigned char)s[i]))
			continue;
		if (digit < 0)
			return bad(e, "it is no base64");
		word = word << 6 | digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			ret->data[ret->len++] = word >> bits;
		}
	}
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* Quoted-printable: =XX is a byte, = at the end of a line joins it with the next. */
static int decode_quoted(struct encode *e, struct json_object *o, ProtobufCBinaryData *ret)
{
	const char *s = json_object_get_string(o);
	size_t len = json_object_get_string_len(o);

	if (!json_object_is_type(o, json_type_string))
		return bad(e, "text is wanted");
	ret->data = arena_alloc(&e->arena, len + 1);
	ret->len = 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '=') {
			ret->data[ret->len++] = s[i];
		} else if (i + 1 < len && s[i + 1] == '\n') {
			i++;
		} else if (i + 2 < len && s[i + 1] == '\r' && s[i + 2] == '\n') {
			i += 2;
		} else if (i + 2 < len && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
			ret->data[ret->len++] = hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]);
			i += 2;
		} else {
			return bad(e, "it is no quoted-printable text");
		}
	}
	return 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool parse_number(const char *s, size_t len, uint64_t *ret)
{
	char text[32], *end;

	if (!len || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	errno = 0;
	*ret = text[0] == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
	return !*end && !errno && end > text;
}

/* Names and numbers joined by |; an empty text is 0. */
static bool parse_flags(const struct image_map *map, const char *s, uint64_t *ret)
{
	*ret = 0;
	while (*s) {
		size_t len = strcspn(s, "|"), used = len;
		uint64_t value;

		while (len && isspace((unsigned char)*s)) {
			s++;
			len--;
			used--;
		}
		while (len && isspace((unsigned char)s[len - 1]))
			len--;
		if (len && !(map && image_map_value(map, s, len, &value)) &&
		    !parse_number(s, len, &value))
			return false;
		*ret |= len ? value : 0;
		s += used + (s[used] == '|');
	}
	return true;
}

static bool parse_dev(const char *s, bool user, uint64_t *ret)
{
	const char *colon = strchr(s, ':');
	uint64_t major, minor;

	if (!colon || !parse_number(s, colon - s, &major) ||
	    !parse_number(colon + 1, strlen(colon + 1), &minor))
		return false;
	*ret = user ? (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
		    : major << 20 | minor;
	return true;
}

static int encode_integer(struct encode *e, const struct image_annotation *a, struct json_object *o,
			  uint64_t *ret)
{
	enum image_show show = a ? a->show : SHOW_PLAIN;
	const char *s;
	bool good;

	if (json_object_is_type(o, json_type_int)) {
		int64_t value = json_object_get_int64(o);

		*ret = value < 0 ? (uint64_t)value : json_object_get_uint64(o);
		return 0;
	}
	if (!json_object_is_type(o, json_type_string))
		return bad(e, "a number is wanted");
	s = json_object_get_string(o);
	if (show == SHOW_FLAGS)
		good = parse_flags(a->map, s, ret);
	else if (show == SHOW_DICT && image_map_value(a->map, s, strlen(s), ret))
		good = true;
	else if ((show == SHOW_DEV || show == SHOW_ODEV) && strchr(s, ':'))
		good = parse_dev(s, show == SHOW_ODEV, ret);
	else
		good = parse_number(s, strlen(s), ret);
	return good ? 0 : bad(e, "the text is no number of this field");
}

static int encode_enum(struct encode *e, const struct message_enum *d, struct json_object *o,
		       uint64_t *ret)
{
	const struct message_value *v;

	if (json_object_is_type(o, json_type_int)) {
		*ret = json_object_get_int64(o);
		return 0;
	}
	if (!json_object_is_type(o, json_type_string))
		return bad(e, "a name is wanted");
	v = enum_value_by_name(d, json_object_get_string(o));
	if (!v)
		return bad(e, "the name is unknown");
	*ret = v->number;
	return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static int encode_message(struct encode *e, const struct message_type *d, struct json_object *o,
			  ProtobufCMessage **ret_msg);

static int encode_value(struct encode *e, const struct message_field *f,
			const struct image_annotation *a, struct json_object *o, void *member)
{
	ProtobufCBinaryData bytes;
	uint64_t value = 0;
	int ret;

	e->field = field_name(f);
	switch (f->kind) {
	case PB_MESSAGE:
		return encode_message(e, field_message(f), o, member);
	case PB_STRING:
		if (!json_object_is_type(o, json_type_string))
			return bad(e, "text is wanted");
		*(char **)member = arena_strdup(&e->arena, json_object_get_string(o));
		return 0;
	case PB_BYTES:
		ret = a && a->show == SHOW_QUOTED ? decode_quoted(e, o, &bytes)
						  : decode_base64(e, o, &bytes);
		if (!ret)
			memcpy(member, &bytes, sizeof(bytes));
		return ret;
	case PB_BOOL:
		*(protobuf_c_boolean *)member = json_object_get_boolean(o);
		return 0;
	case PB_ENUM:
		ret = encode_enum(e, field_enum(f), o, &value);
		break;
	default:
		ret = encode_integer(e, a, o, &value);
	}
	if (!ret)
		memcpy(member, &value, message_kind_size(f->kind)); /* little endian */
	return ret;
}

static int encode_address(struct encode *e, struct json_object *list, uint32_t words[4],
			  size_t *ret_count)
{
	const char *s = json_object_get_string(json_object_array_get_idx(list, 0));

	*ret_count = strchr(s, ':') ? 4 : 1;
	if (inet_pton(*ret_count == 4 ? AF_INET6 : AF_INET, s, words) != 1)
		return bad(e, "the text is no address");
	return 0;
}

static int encode_repeated(struct encode *e, const struct message_field *f,
			   const struct image_annotation *a, struct json_object *list,
			   ProtobufCMessage *msg)
{
	size_t n, *count = (size_t *)((char *)msg + f->quantifier);
	size_t size = message_kind_size(f->kind);
	char *array;
	int ret = 0;

	e->field = field_name(f);
	if (!json_object_is_type(list, json_type_array))
		return bad(e, "a list is wanted");
	n = json_object_array_length(list);
	array = arena_alloc(&e->arena, (n < 4 ? 4 : n) * size);
	*(char **)((char *)msg + f->offset) = array;
	if (a && a->show == SHOW_ADDRESS && n == 1 &&
	    json_object_is_type(json_object_array_get_idx(list, 0), json_type_string))
		return encode_address(e, list, (uint32_t *)array, count);
	for (size_t i = 0; i < n && !ret; i++)
		ret = encode_value(e, f, a, json_object_array_get_idx(list, i), array + i * size);
	*count = n;
	return ret;
}

static int encode_field(struct encode *e, ProtobufCMessage *msg, const char *name,
			struct json_object *value)
{
	const struct message_type *d = msg->descriptor;
	const struct message_field *f = message_field_by_name(d, name);
	const struct image_annotation *a = image_annotation(message_name(d), name);

	e->field = name;
	if (!f)
		return bad(e, "there is no such field");
	if (f->label == PB_REPEATED)
		return encode_repeated(e, f, a, value, msg);
	if (f->label == PB_OPTIONAL && f->quantifier)
		*(protobuf_c_boolean *)((char *)msg + f->quantifier) = 1;
	return encode_value(e, f, a, value, (char *)msg + f->offset);
}

static int encode_message(struct encode *e, const struct message_type *d, struct json_object *o,
			  ProtobufCMessage **ret_msg)
{
	ProtobufCMessage *msg = arena_alloc(&e->arena, d->size);
	const struct message_field *fields = message_fields_of(d);
	uint64_t given[2] = {}; /* the required fields met, by index */

	if (!json_object_is_type(o, json_type_object))
		return bad(e, "an object is wanted");
	message_init(d, msg);
	json_object_object_foreach(o, name, value)
	{
		const struct message_field *f = message_field_by_name(d, name);
		int ret = 0;

		if (strcmp(name, "extra"))
			ret = encode_field(e, msg, name, value);
		if (ret)
			return ret;
		if (f)
			given[(f - fields) / 64] |= 1ull << (f - fields) % 64;
	}
	for (unsigned i = 0; i < d->n_fields; i++) {
		e->field = field_name(&fields[i]);
		if (fields[i].label == PB_REQUIRED && !(given[i / 64] >> i % 64 & 1))
			return bad(e, "the required field is missing");
	}
	*ret_msg = msg;
	return 0;
}

static int put_packed(struct encode *e, const ProtobufCMessage *msg)
{
	_cleanup_packed_ struct packed p;
	struct codec_fault fault;
	uint32_t len;

	packed_begin(&p);
	if (codec_pack(msg, &p, &fault))
		return bad(e, *fault.why ? fault.why : "there is no memory for it");
	len = packed_len(&p);
	fwrite(&len, sizeof(len), 1, e->out);
	fwrite(p.data, 1, len, e->out);
	return 0;
}

/* --- payload ---------------------------------------------------------------------------------- */

static void put_padding(struct encode *e, size_t len, size_t multiple)
{
	while (len++ % multiple)
		putc(0, e->out);
}

static int put_text(struct encode *e, struct json_object *o, size_t multiple)
{
	ProtobufCBinaryData bytes;
	int ret = decode_base64(e, o, &bytes);

	if (ret)
		return ret;
	fwrite(bytes.data, 1, bytes.len, e->out);
	put_padding(e, bytes.len, multiple);
	return 0;
}

static int put_sems(struct encode *e, struct json_object *list)
{
	size_t n = json_object_array_length(list);

	for (size_t i = 0; i < n; i++) {
		uint16_t value = json_object_get_int(json_object_array_get_idx(list, i));

		fwrite(&value, sizeof(value), 1, e->out);
	}
	put_padding(e, n * sizeof(uint16_t), 8);
	return 0;
}

static int put_messages(struct encode *e, struct json_object *list)
{
	size_t n = json_object_array_length(list);
	int ret = n % 2 ? bad(e, "messages and contents come in pairs") : 0;

	for (size_t i = 0; i < n && !ret; i += 2) {
		ProtobufCMessage *msg;

		ret = encode_message(e, &ipc_msg__descriptor, json_object_array_get_idx(list, i),
				     &msg);
		if (!ret)
			ret = put_packed(e, msg);
		e->field = "extra";
		if (!ret)
			ret = put_text(e, json_object_array_get_idx(list, i + 1), 8);
	}
	return ret;
}

static int put_extra(struct encode *e, enum image_payload payload, struct json_object *extra)
{
	struct json_object *half;
	int ret;

	e->field = "extra";
	switch (payload) {
	case PAYLOAD_NONE:
		return bad(e, "entries of this kind have no data");
	case PAYLOAD_SEM:
	case PAYLOAD_MSG:
		if (!json_object_is_type(extra, json_type_array))
			return bad(e, "a list is wanted");
		return payload == PAYLOAD_SEM ? put_sems(e, extra) : put_messages(e, extra);
	case PAYLOAD_TCP:
		if (!json_object_object_get_ex(extra, "inq", &half))
			return bad(e, "inq is missing");
		ret = put_text(e, half, 1);
		if (!ret && !json_object_object_get_ex(extra, "outq", &half))
			ret = bad(e, "outq is missing");
		return ret ? ret : put_text(e, half, 1);
	default:
		return put_text(e, extra, payload == PAYLOAD_SHM ? 4 : 1);
	}
}

/* --- images ----------------------------------------------------------------------------------- */

static int put_entry(struct encode *e, const struct image_kind_info *info, struct json_object *o)
{
	struct json_object *extra;
	ProtobufCMessage *msg;
	int ret = encode_message(e, e->entry && info->next ? info->next : info->first, o, &msg);

	if (!ret)
		ret = put_packed(e, msg);
	if (!ret && json_object_object_get_ex(o, "extra", &extra))
		ret = put_extra(e, info->payload, extra);
	return ret;
}

static int put_image(struct encode *e, struct json_object *root)
{
	struct json_object *magic, *entries;
	const struct image_kind_info *info;
	enum image_kind kind;
	int ret = 0;

	e->field = "magic";
	if (!json_object_object_get_ex(root, "magic", &magic) ||
	    !json_object_is_type(magic, json_type_string) ||
	    !image_kind_by_name(json_object_get_string(magic), &kind) ||
	    !image_kind_info(kind)->first)
		return bad(e, "it names no kind of image");
	e->field = "entries";
	if (!json_object_object_get_ex(root, "entries", &entries) ||
	    !json_object_is_type(entries, json_type_array))
		return bad(e, "a list is wanted");
	info = image_kind_info(kind);
	fwrite(&info->magic1, sizeof(info->magic1), 1, e->out);
	if (info->magic2)
		fwrite(&info->magic2, sizeof(info->magic2), 1, e->out);
	for (; e->entry < json_object_array_length(entries) && !ret; e->entry++)
		ret = put_entry(e, info, json_object_array_get_idx(entries, e->entry));
	return ret;
}

int image_encode_json(const char *text, size_t len, int fd, struct err *err)
{
	struct encode e = { .err = err, .field = "" };
	struct json_tokener *tokener = json_tokener_new_ex(IMAGE_DEPTH_MAX + 8);
	struct json_object *root = NULL;
	size_t out_len = 0;
	char *out = NULL;
	int ret;

	if (!tokener)
		return err_sys(err, "malloc", "can't read the JSON");
	if (len <= INT32_MAX)
		root = json_tokener_parse_ex(tokener, text, len);
	e.out = open_memstream(&out, &out_len);
	if (!root || !json_object_is_type(root, json_type_object))
		ret = err_set(err, ERR_IMAGE_CORRUPT, 0, "the JSON can't be read at byte %zu: %s",
			      json_tokener_get_parse_end(tokener),
			      json_tokener_error_desc(json_tokener_get_error(tokener)));
	else
		ret = e.out ? put_image(&e, root) : err_sys(err, "malloc", "can't write the image");
	if (e.out)
		fclose(e.out);
	if (!ret) {
		ret = write_full(fd, out, out_len);
		if (ret)
			err_set(err, ERR_IMAGE_WRITE, -ret, "can't write the image");
	}
	free(out);
	json_object_put(root);
	json_tokener_free(tokener);
	arena_free(&e.arena);
	return ret;
}
