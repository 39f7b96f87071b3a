/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image for people. An entry is a line of NAME VALUE columns, aligned over the entries that
 * stand together; messages inside of it follow, indented, in the same way.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/internal.h"
#include "image/show.h"

#define CELL_MAX  72 /* characters of a list of numbers before it is cut */
#define ALIGN_MAX 40 /* wider cells don't widen their column */

struct row {
	const ProtobufCMessage *msg;
	char **cells; /* by index of the field; NULL: nothing in this row */
	uint64_t payload;
};

struct text {
	FILE *out;
	struct arena *a;
};

static bool is_nested(const struct message_field *f)
{
	return f->kind == PB_MESSAGE;
}

static char *bytes_cell(struct text *t, const ProtobufCBinaryData *b)
{
	size_t len = b->len;

	while (len && !b->data[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!isprint(b->data[i]) && !(i == 0 && !b->data[0]))
			return arena_printf(t->a, "<%zu bytes>", b->len);
	if (!len || len > CELL_MAX)
		return arena_printf(t->a, "<%zu bytes>", b->len);
	if (!b->data[0]) /* an abstract socket name */
		return arena_printf(t->a, "@%.*s", (int)len - 1, (const char *)b->data + 1);
	return arena_printf(t->a, "%.*s", (int)len, (const char *)b->data);
}

/* JSON's value without its quotes and without blanks, so that columns stay columns. */
static char *value_cell(struct text *t, const struct message_type *desc,
			const struct message_field *f, const void *member, bool hex)
{
	char *text = NULL, *cell, *to;
	size_t len = 0;
	FILE *out;

	if (f->kind == PB_BYTES)
		return bytes_cell(t, member);
	out = open_memstream(&text, &len);
	if (!out)
		return arena_strdup(t->a, "?");
	render_value(out, desc, f, member, hex);
	fclose(out);
	cell = to = arena_alloc(t->a, len + 3);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' && (i == 0 || i == len - 1))
			continue;
		if (f->kind != PB_STRING && text[i] == ' ')
			continue;
		*to++ = text[i];
	}
	free(text);
	if (to == cell)
		strcpy(cell, f->kind == PB_STRING ? "\"\"" : "0");
	return cell;
}

static char *list_cell(struct text *t, const struct message_type *desc,
		       const struct message_field *f, const ProtobufCMessage *msg, bool hex)
{
	size_t n = *(const size_t *)((const char *)msg + f->quantifier);
	const char *array = *(const char *const *)((const char *)msg + f->offset);
	char *list = arena_strdup(t->a, "");

	for (size_t i = 0; i < n; i++) {
		char *cell = value_cell(t, desc, f, array + i * message_kind_size(f->kind), hex);

		if (strlen(list) + strlen(cell) > CELL_MAX)
			return arena_printf(t->a, "%s,...(%zu)", list, n);
		list = arena_printf(t->a, "%s%s%s", list, i ? "," : "", cell);
	}
	return list;
}

static void fill_row(struct text *t, struct row *row, bool hex)
{
	const struct message_type *d = row->msg->descriptor;

	row->cells = arena_array(t->a, char *, d->n_fields);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct message_field *f = message_fields_of(d) + i;

		if (is_nested(f) || !render_is_set(row->msg, f))
			continue;
		row->cells[i] =
			f->label == PB_REPEATED
				? list_cell(t, d, f, row->msg, hex)
				: value_cell(t, d, f, (const char *)row->msg + f->offset, hex);
	}
}

static void put_rows(struct text *t, struct row *rows, size_t n, const char *label,
		     unsigned indent);

static void put_nested(struct text *t, const ProtobufCMessage *msg, unsigned indent, bool hex)
{
	for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
		const struct message_field *f = message_fields_of(msg->descriptor) + i;
		const char *member = (const char *)msg + f->offset;
		bool many = f->label == PB_REPEATED;
		ProtobufCMessage *const *list = many ? *(ProtobufCMessage *const *const *)member
						     : (ProtobufCMessage *const *)member;
		struct row *rows;
		size_t n = 1;

		if (!is_nested(f) || !render_is_set(msg, f))
			continue;
		if (many)
			n = *(const size_t *)((const char *)msg + f->quantifier);
		rows = arena_array(t->a, struct row, n);
		for (size_t k = 0; k < n; k++) {
			rows[k].msg = list[k];
			fill_row(t, &rows[k], hex || render_hex_inside(msg->descriptor, f));
		}
		if (many)
			fprintf(t->out, "%*s%s:\n", indent, "", field_name(f));
		put_rows(t, rows, n, many ? NULL : field_name(f), many ? indent + 2 : indent);
	}
}

static size_t column_width(const struct row *rows, size_t n, unsigned column)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = rows[i].cells[column] ? strlen(rows[i].cells[column]) : 0;

		if (len > width && len <= ALIGN_MAX)
			width = len;
	}
	return width;
}

static void put_line(FILE *out, const struct row *row, const size_t *widths, const char *label,
		     unsigned indent, size_t times)
{
	const struct message_type *d = row->msg->descriptor;
	unsigned pending = indent; /* blanks, printed only before something */

	if (label) {
		fprintf(out, "%*s%s:", indent, "", label);
		pending = 2;
	}
	for (unsigned i = 0; i < d->n_fields; i++) {
		const char *name = field_name(message_fields_of(d) + i);

		if (row->cells[i]) {
			size_t len = strlen(row->cells[i]);

			fprintf(out, "%*s%s %s", pending, "", name, row->cells[i]);
			pending = 2 + (len < widths[i] ? widths[i] - len : 0);
		} else if (widths[i]) {
			pending += strlen(name) + 1 + widths[i] + 2;
		}
	}
	if (row->payload)
		fprintf(out, "%*s+ %" PRIu64 " bytes of data", pending, "", row->payload);
	if (times > 1)
		fprintf(out, "  (%zu times)", times);
	putc('\n', out);
}

/* Rows without anything below them that look the same. */
static bool same_rows(const struct row *x, const struct row *y)
{
	const struct message_type *d = x->msg->descriptor;

	if (x->payload || y->payload)
		return false;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct message_field *f = message_fields_of(d) + i;
		const char *a = x->cells[i], *b = y->cells[i];

		if (is_nested(f) && (render_is_set(x->msg, f) || render_is_set(y->msg, f)))
			return false;
		if (!a != !b || (a && strcmp(a, b)))
			return false;
	}
	return true;
}

/* All rows are of one type of message. */
static void put_rows(struct text *t, struct row *rows, size_t n, const char *label, unsigned indent)
{
	const struct message_type *d = rows[0].msg->descriptor;
	size_t *widths = arena_array(t->a, size_t, d->n_fields);
	size_t times = 1;

	for (unsigned i = 0; i < d->n_fields; i++)
		widths[i] = column_width(rows, n, i);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && same_rows(&rows[i], &rows[i + 1])) {
			times++;
			continue;
		}
		put_line(t->out, &rows[i], widths, label, indent, times);
		put_nested(t, rows[i].msg, indent + 2, false);
		times = 1;
	}
}

static int read_rows(struct image_reader *r, struct text *t, struct err *err, struct row **ret_rows,
		     size_t *ret_count)
{
	struct row *rows = NULL;
	uint32_t queued = 0; /* messages of a SysV queue that are still to come */
	size_t n = 0;

	for (;;) {
		struct row row = {};
		uint64_t padded;
		ProtobufCMessage *msg;
		int ret = image_read_msg(r, queued ? &ipc_msg__descriptor : NULL, err, &msg);

		if (ret)
			return ret;
		if (!msg)
			break;
		ret = image_payload_length(r, msg, err, &row.payload, &padded);
		if (!ret)
			ret = image_skip_raw(r, padded, err);
		if (ret)
			return ret;
		if (msg->descriptor == &ipc_msg_entry__descriptor)
			queued = ((const IpcMsgEntry *)msg)->qnum;
		else if (queued)
			queued--;
		row.msg = msg;
		fill_row(t, &row, false);
		arena_push(t->a, rows, n, row);
	}
	*ret_rows = rows;
	*ret_count = n;
	return 0;
}

int image_render_text(struct image_reader *r, FILE *out, struct err *err)
{
	_cleanup_(arena_free) struct arena arena = {};
	struct text t = { out, &arena };
	struct row *rows;
	size_t n, start = 0;
	int ret = read_rows(r, &t, err, &rows, &n);

	if (ret)
		return ret;
	fprintf(out, "%s, %s, %zu %s\n", image_reader_name(r),
		image_kind_info(image_reader_kind(r))->name, n, n == 1 ? "entry" : "entries");
	for (size_t i = 1; i <= n; i++) {
		if (i < n && rows[i].msg->descriptor == rows[start].msg->descriptor)
			continue;
		put_rows(&t, rows + start, i - start, NULL, 2);
		start = i;
	}
	return 0;
}
