/* SPDX-License-Identifier: Apache-2.0 */
/* An image as JSON, as CRIU's crit prints it. Fields come in the order of their numbers; a field
 * that is not set is left out; the payload of an entry is its member "extra". */
#include "image/render.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/internal.h"
#include "image/jsontext.h"
#include "image/maps.h"
#include "image/pack.h"
#include "image/show.h"

struct render {
	struct jsontext json;
	struct image_reader *reader;
	const struct render_options *options;
	struct err *err;
	unsigned count; /* of entries, without a head */
};

/* How the fields of a message are shown: by their own annotations, or all integers in hex. */
struct style {
	const struct image_annotation *annotation;
	bool hex;
};

static void put_flags(struct jsontext *j, const struct image_map *map, uint64_t value)
{
	const char *separator = "";

	putc('"', j->out);
	for (; map->name; map++) {
		if (!(value & map->value))
			continue;
		fprintf(j->out, "%s%s", separator, map->name);
		separator = " | ";
		value &= ~map->value;
	}
	if (value)
		fprintf(j->out, "%s%#" PRIx64, separator, value);
	putc('"', j->out);
}

static void put_integer(struct jsontext *j, const struct style *s, uint64_t value, bool is_signed)
{
	const struct image_annotation *a = s->annotation;
	const char *name = NULL;

	if (a && a->show == SHOW_FLAGS) {
		put_flags(j, a->map, value);
		return;
	}
	if (a && a->show == SHOW_DICT)
		name = image_map_name(a->map, value);
	if (name)
		jsontext_text(j, name);
	else if (a && a->show == SHOW_DEV)
		fprintf(j->out, "\"%" PRIu64 ":%" PRIu64 "\"", value >> 20, value & 0xfffff);
	else if (a && a->show == SHOW_ODEV)
		fprintf(j->out, "\"%" PRIu64 ":%" PRIu64 "\"", value >> 8 & 0xfff,
			(value & 0xff) | (value >> 12 & 0xfff00));
	else if (s->hex || (a && a->show == SHOW_HEX))
		fprintf(j->out, "\"0x%" PRIx64 "\"", value);
	else if (is_signed)
		fprintf(j->out, "%" PRId64, (int64_t)value);
	else
		fprintf(j->out, "%" PRIu64, value);
}

static int put_base64(struct jsontext *j, const void *data, size_t len)
{
	_cleanup_free_ char *text = malloc(BASE64_SIZE(len));

	if (!text)
		return -ENOMEM;
	jsontext_string(j, text, base64_encode(data, len, text));
	return 0;
}

static int put_quoted(struct jsontext *j, const ProtobufCBinaryData *bytes)
{
	_cleanup_free_ char *text = malloc(bytes->len * 4 + 8);

	if (!text)
		return -ENOMEM;
	jsontext_string(j, text, bytes->len ? quoted_encode(bytes->data, bytes->len, text) : 0);
	return 0;
}

static int put_message(struct render *r, const ProtobufCMessage *msg, bool hex);

static void put_enum(struct jsontext *j, const struct message_enum *desc, int value)
{
	const char *name = enum_name(desc, value);

	if (name)
		jsontext_text(j, name);
	else
		fprintf(j->out, "%d", value);
}

static int put_member(struct render *r, const struct message_field *f, const void *member,
		      const struct style *s)
{
	const ProtobufCBinaryData *bytes = member;
	struct jsontext *j = &r->json;

	switch (f->kind) {
	case PB_MESSAGE:
		jsontext_open(j, '{');
		if (put_message(r, *(ProtobufCMessage *const *)member,
				s->hex || (s->annotation && s->annotation->show == SHOW_HEX)))
			return -ENOMEM;
		jsontext_close(j, '}');
		break;
	case PB_STRING:
		jsontext_text(j, *(char *const *)member);
		break;
	case PB_BYTES:
		/* crit quotes a unix socket's name even when it is not pretty. */
		return s->annotation && s->annotation->show == SHOW_QUOTED
			       ? put_quoted(j, bytes)
			       : put_base64(j, bytes->data, bytes->len);
	case PB_BOOL:
		fputs(*(const protobuf_c_boolean *)member ? "true" : "false", j->out);
		break;
	case PB_ENUM:
		put_enum(j, field_enum(f), *(const int *)member);
		break;
	case PB_INT32:
	case PB_SINT32:
	case PB_SFIXED32:
		put_integer(j, s, *(const int32_t *)member, true);
		break;
	case PB_UINT32:
	case PB_FIXED32:
		put_integer(j, s, *(const uint32_t *)member, false);
		break;
	case PB_INT64:
	case PB_SINT64:
	case PB_SFIXED64:
		put_integer(j, s, *(const int64_t *)member, true);
		break;
	default: /* no message has a float or a double */
		put_integer(j, s, *(const uint64_t *)member, false);
	}
	return 0;
}

int render_value(FILE *out, const struct message_type *desc, const struct message_field *f,
		 const void *member, bool hex)
{
	const struct render_options options = { .pretty = true };
	struct render r = { { out, true, 0, true }, NULL, &options, NULL, 0 };
	const struct style s = { image_annotation(message_name(desc), field_name(f)), hex };

	return put_member(&r, f, member, &s);
}

bool render_hex_inside(const struct message_type *desc, const struct message_field *f)
{
	const struct image_annotation *a = image_annotation(message_name(desc), field_name(f));

	return a && a->show == SHOW_HEX;
}

static int put_repeated(struct render *r, const struct message_field *f, size_t n,
			const char *array, const struct style *s)
{
	struct jsontext *j = &r->json;
	char address[INET6_ADDRSTRLEN];
	int ret = 0;

	jsontext_open(j, '[');
	if (s->annotation && s->annotation->show == SHOW_ADDRESS && (n == 1 || n == 4)) {
		jsontext_item(j);
		inet_ntop(n == 1 ? AF_INET : AF_INET6, array, address, sizeof(address));
		jsontext_text(j, address);
	} else {
		for (size_t i = 0; i < n && !ret; i++) {
			jsontext_item(j);
			ret = put_member(r, f, array + i * message_kind_size(f->kind), s);
		}
	}
	jsontext_close(j, ']');
	return ret;
}

bool render_is_set(const ProtobufCMessage *msg, const struct message_field *f)
{
	if (f->label == PB_REPEATED)
		return *(const size_t *)((const char *)msg + f->quantifier);
	if (f->kind == PB_STRING || f->kind == PB_MESSAGE) {
		const void *p = *(void *const *)((const char *)msg + f->offset);

		return p;
	}
	return f->label == PB_REQUIRED ||
	       *(const protobuf_c_boolean *)((const char *)msg + f->quantifier);
}

/* The members of an object that is open. */
static int put_message(struct render *r, const ProtobufCMessage *msg, bool hex)
{
	const struct message_type *d = msg->descriptor;
	int ret = 0;

	for (unsigned i = 0; i < d->n_fields && !ret; i++) {
		const struct message_field *f = message_fields_of(d) + i;
		const char *member = (const char *)msg + f->offset;
		struct style s = { NULL, hex };

		if (!render_is_set(msg, f))
			continue;
		jsontext_key(&r->json, field_name(f));
		s.annotation = image_annotation(message_name(d), field_name(f));
		if (s.annotation && !r->options->pretty && s.annotation->show != SHOW_QUOTED)
			s.annotation = NULL;
		if (f->label == PB_REPEATED)
			ret = put_repeated(r, f,
					   *(const size_t *)((const char *)msg + f->quantifier),
					   *(const char *const *)member, &s);
		else
			ret = put_member(r, f, member, &s);
	}
	return ret;
}

/* --- payload ---------------------------------------------------------------------------------- */

/* len bytes from the reader as a string, a piece at a time. */
static int put_bytes(struct render *r, uint64_t len)
{
	char text[BASE64_SIZE(57 * 64)];
	uint8_t data[57 * 64]; /* whole lines of base64 */
	int ret;

	putc('"', r->json.out);
	while (len) {
		size_t n = len < sizeof(data) ? len : sizeof(data);

		ret = image_read_raw(r->reader, data, n, r->err);
		if (ret)
			return ret;
		jsontext_string_part(&r->json, text, base64_encode(data, n, text));
		len -= n;
	}
	putc('"', r->json.out);
	return 0;
}

static int put_tcp(struct render *r, const TcpStreamEntry *t)
{
	int ret;

	jsontext_open(&r->json, '{');
	jsontext_key(&r->json, "inq");
	ret = put_bytes(r, t->inq_len);
	if (ret)
		return ret;
	jsontext_key(&r->json, "outq");
	ret = put_bytes(r, t->outq_len);
	jsontext_close(&r->json, '}');
	return ret;
}

static int put_sem(struct render *r, uint64_t len)
{
	uint16_t value;

	jsontext_open(&r->json, '[');
	for (; len; len -= sizeof(value)) {
		int ret = image_read_raw(r->reader, &value, sizeof(value), r->err);

		if (ret)
			return ret;
		jsontext_item(&r->json);
		fprintf(r->json.out, "%u", value);
	}
	jsontext_close(&r->json, ']');
	return 0;
}

/* The i-th message of a queue, with the lengths of the contents behind it. */
static int next_of_queue(struct render *r, const IpcMsgEntry *queue, uint32_t i,
			 ProtobufCMessage **ret_msg, uint64_t *ret_len, uint64_t *ret_padded)
{
	int ret = image_read_msg(r->reader, &ipc_msg__descriptor, r->err, ret_msg);

	if (!ret && !*ret_msg)
		ret = image_corrupt(r->err, image_reader_name(r->reader),
				    "the file ends after %u of %u messages of a queue", i,
				    queue->qnum);
	return ret ? ret : image_payload_length(r->reader, *ret_msg, r->err, ret_len, ret_padded);
}

static int put_queue(struct render *r, const IpcMsgEntry *queue)
{
	jsontext_open(&r->json, '[');
	for (uint32_t i = 0; i < queue->qnum; i++) {
		uint64_t len, padded;
		ProtobufCMessage *msg;
		int ret = next_of_queue(r, queue, i, &msg, &len, &padded);

		if (ret)
			return ret;
		jsontext_item(&r->json);
		jsontext_open(&r->json, '{');
		ret = put_message(r, msg, false);
		jsontext_close(&r->json, '}');
		jsontext_item(&r->json);
		if (!ret)
			ret = put_bytes(r, len);
		if (!ret)
			ret = image_skip_raw(r->reader, padded - len, r->err);
		if (ret)
			return ret;
	}
	jsontext_close(&r->json, ']');
	return 0;
}

static uint64_t packed_size(const ProtobufCMessage *msg)
{
	_cleanup_packed_ struct packed p;
	struct codec_fault fault;

	packed_begin(&p);
	return codec_pack(msg, &p, &fault) ? 0 : packed_len(&p);
}

/* The bytes of a queue's messages, as crit counts them: packed messages and contents. */
static int skip_queue(struct render *r, const IpcMsgEntry *queue, uint64_t *ret_len)
{
	uint64_t len, padded;

	*ret_len = 0;
	for (uint32_t i = 0; i < queue->qnum; i++) {
		ProtobufCMessage *msg;
		int ret = next_of_queue(r, queue, i, &msg, &len, &padded);

		if (!ret)
			ret = image_skip_raw(r->reader, padded, r->err);
		if (ret)
			return ret;
		*ret_len += packed_size(msg) + len;
	}
	return 0;
}

static bool has_payload(enum image_kind kind, const ProtobufCMessage *msg, bool no_payload)
{
	switch (image_kind_info(kind)->payload) {
	case PAYLOAD_NONE:
		return false;
	case PAYLOAD_GHOST: /* crit leaves it out altogether */
		if (no_payload)
			return false;
		return msg->descriptor != &ghost_file_entry__descriptor ||
		       !((const GhostFileEntry *)msg)->chunks;
	default:
		return true;
	}
}

/* In the largest unit that fits, with a decimal place unless it is a whole number. */
static void put_size(struct jsontext *j, uint64_t len)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	unsigned u = 0;
	double value = len;

	for (; value >= 1024 && u < 4; u++)
		value /= 1024;
	fprintf(j->out, "\"... <%.*f%s>\"", value == (uint64_t)value ? 0 : 1, value, units[u]);
}

static int put_payload(struct render *r, const ProtobufCMessage *msg)
{
	enum image_payload payload = image_kind_info(image_reader_kind(r->reader))->payload;
	uint64_t len, padded;
	int ret = image_payload_length(r->reader, msg, r->err, &len, &padded);

	if (ret)
		return ret;
	if (!has_payload(image_reader_kind(r->reader), msg, r->options->no_payload))
		return image_skip_raw(r->reader, padded, r->err);
	jsontext_key(&r->json, "extra");
	if (r->options->no_payload) {
		if (payload == PAYLOAD_MSG)
			ret = skip_queue(r, (const IpcMsgEntry *)msg, &len);
		else if (payload == PAYLOAD_SHM) /* crit counts what the pagemaps hold as well */
			len = ((const IpcShmEntry *)msg)->size;
		put_size(&r->json, len);
		return ret ? ret : image_skip_raw(r->reader, padded, r->err);
	}
	if (payload == PAYLOAD_MSG)
		return put_queue(r, (const IpcMsgEntry *)msg);
	if (payload == PAYLOAD_TCP)
		return put_tcp(r, (const TcpStreamEntry *)msg);
	ret = payload == PAYLOAD_SEM ? put_sem(r, len) : put_bytes(r, len);
	return ret ? ret : image_skip_raw(r->reader, padded - len, r->err);
}

/* --- images ----------------------------------------------------------------------------------- */

/* crit knows kinds by their magic words: of kinds that share them, the first. */
static const char *magic_name(const struct image_reader *r)
{
	const struct image_kind_info *info = image_kind_info(image_reader_kind(r));
	enum image_kind kind = image_reader_kind(r);

	image_kind_by_magic(info->magic1, info->magic2, &kind);
	return image_kind_info(kind)->name;
}

static int check_renderable(struct image_reader *r, struct err *err)
{
	if (image_kind_info(image_reader_kind(r))->first)
		return 0;
	return image_corrupt(err, image_reader_name(r), "a raw image holds no entries");
}

static int put_entry(struct render *r, const ProtobufCMessage *msg)
{
	int ret;

	jsontext_item(&r->json);
	jsontext_open(&r->json, '{');
	ret = put_message(r, msg, false);
	if (!ret)
		ret = put_payload(r, msg);
	jsontext_close(&r->json, '}');
	return ret;
}

static int put_image(struct render *r)
{
	ProtobufCMessage *msg;
	int ret = check_renderable(r->reader, r->err);

	if (ret)
		return ret;
	jsontext_open(&r->json, '{');
	jsontext_key(&r->json, "magic");
	jsontext_text(&r->json, magic_name(r->reader));
	jsontext_key(&r->json, "entries");
	jsontext_open(&r->json, '[');
	for (;;) {
		ret = image_read_msg(r->reader, NULL, r->err, &msg);
		if (ret)
			return ret;
		if (!msg)
			break;
		r->count += msg->descriptor != &pagemap_head__descriptor;
		ret = put_entry(r, msg);
		if (ret == -ENOMEM)
			err_set(r->err, ERR_RESOURCE, ENOMEM, "can't show an entry");
		if (ret)
			return ret;
	}
	jsontext_close(&r->json, ']');
	jsontext_close(&r->json, '}');
	putc('\n', r->json.out);
	return 0;
}

int image_render_json(struct image_reader *reader, const struct render_options *options, FILE *out,
		      struct err *err)
{
	struct render r = { { out, options->pretty, 0, true }, reader, options, err, 0 };

	return put_image(&r);
}

int image_render_info(struct image_reader *reader, FILE *out, struct err *err)
{
	_cleanup_file_ FILE *nowhere = fopen("/dev/null", "w");
	struct render_options options = { .no_payload = true };
	struct render r = { { nowhere, false, 0, true }, reader, &options, err, 0 };
	struct jsontext j = { out, true, 0, true };
	int ret;

	if (!nowhere)
		return err_sys(err, "fopen", "can't open /dev/null");
	ret = put_image(&r);
	if (ret)
		return ret;
	jsontext_open(&j, '{');
	jsontext_key(&j, "magic");
	jsontext_text(&j, magic_name(reader));
	jsontext_key(&j, "count");
	fprintf(out, "%u", r.count);
	jsontext_close(&j, '}');
	putc('\n', out);
	return 0;
}
