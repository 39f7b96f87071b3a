/* SPDX-License-Identifier: Apache-2.0 */
/* See jsontext.h. */
#include "image/jsontext.h"

#include <string.h>

static void line(struct jsontext *j)
{
	if (!j->pretty)
		return;
	putc('\n', j->out);
	for (unsigned i = 0; i < j->depth * 4; i++)
		putc(' ', j->out);
}

void jsontext_open(struct jsontext *j, char bracket)
{
	putc(bracket, j->out);
	j->depth++;
	j->empty = true;
}

void jsontext_close(struct jsontext *j, char bracket)
{
	j->depth--;
	if (!j->empty)
		line(j);
	putc(bracket, j->out);
	j->empty = false;
}

void jsontext_item(struct jsontext *j)
{
	if (!j->empty)
		fputs(j->pretty ? "," : ", ", j->out);
	j->empty = false;
	line(j);
}

void jsontext_key(struct jsontext *j, const char *key)
{
	jsontext_item(j);
	jsontext_text(j, key);
	fputs(": ", j->out);
}

/* The length of the UTF-8 sequence at s and its code point; 0: it is none. */
static unsigned decode_utf8(const uint8_t *s, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code = n == 1 ? s[0] : s[0] & (0x7f >> n);

	if (n > 1 && (s[0] < 0xc2 || s[0] > 0xf4))
		return 0;
	if (n > len)
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return n;
}

static void put_escaped(FILE *out, uint32_t code)
{
	static const char special[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *s = special; code < 0x80 && *s; s += 2) {
		if (code != (uint32_t)*s)
			continue;
		fprintf(out, "\\%c", s[1]);
		return;
	}
	if (code >= ' ' && code < 0x7f)
		putc(code, out);
	else if (code < 0x10000)
		fprintf(out, "\\u%04x", code);
	else
		fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
			0xdc00 + ((code - 0x10000) & 0x3ff));
}

void jsontext_string_part(struct jsontext *j, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;

	while (len) {
		uint32_t code;
		unsigned n = decode_utf8(p, len, &code);

		if (!n) {
			code = 0xdc00 + *p;
			n = 1;
		}
		put_escaped(j->out, code);
		p += n;
		len -= n;
	}
}

void jsontext_string(struct jsontext *j, const char *s, size_t len)
{
	putc('"', j->out);
	jsontext_string_part(j, s, len);
	putc('"', j->out);
}

void jsontext_text(struct jsontext *j, const char *s)
{
	jsontext_string(j, s, strlen(s));
}

size_t base64_encode(const void *data, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;
	char *o = out;

	for (size_t i = 0; i < len; i += 3) {
		unsigned n = len - i < 3 ? len - i : 3;
		uint32_t v = p[i] << 16 | (n > 1 ? p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*o++ = n > 2 ? digits[v & 63] : '=';
		if (i % 57 == 54 && i + 3 < len)
			*o++ = '\n';
	}
	if (len)
		*o++ = '\n';
	return o - out;
}

struct quoting {
	const uint8_t *data;
	size_t len, in;
	char *out;
	size_t n;    /* written */
	size_t line; /* characters on this line */
	bool crlf;   /* lines end in \r\n, as the first one does */
};

#define QUOTED_LINE 76

static void quoted_hex(struct quoting *q, uint8_t byte)
{
	q->n += sprintf(q->out + q->n, "=%02X", byte);
}

static void quoted_newline(struct quoting *q)
{
	if (q->crlf)
		q->out[q->n++] = '\r';
	q->out[q->n++] = '\n';
	q->line = 0;
}

static void soft_break(struct quoting *q)
{
	q->out[q->n++] = '=';
	quoted_newline(q);
}

static bool must_quote(const struct quoting *q)
{
	uint8_t c = q->data[q->in];
	bool last = q->in + 1 == q->len;
	uint8_t next = last ? 0 : q->data[q->in + 1];

	if (c > 126 || c == '=')
		return true;
	if (c == '.' && !q->line && (last || next == '\n' || next == '\r' || !next))
		return true;
	if (c == '\t' || c == ' ')
		return last;
	return c < 33 && c != '\r' && c != '\n';
}

static bool ends_line(const struct quoting *q)
{
	uint8_t c = q->data[q->in];

	return c == '\n' || (c == '\r' && q->in + 1 < q->len && q->data[q->in + 1] == '\n');
}

size_t quoted_encode(const uint8_t *data, size_t len, char *out)
{
	struct quoting q = { .data = data, .len = len, .out = out };
	const uint8_t *first = memchr(data, '\n', len);

	q.crlf = first && first > data && first[-1] == '\r';
	while (q.in < len) {
		uint8_t c = data[q.in];

		if (must_quote(&q)) {
			if (q.line + 3 >= QUOTED_LINE)
				soft_break(&q);
			quoted_hex(&q, c);
			q.line += 3;
			q.in++;
		} else if (ends_line(&q)) {
			char before = q.n ? out[q.n - 1] : 0;

			if (before == ' ' || before == '\t') {
				q.n--;
				quoted_hex(&q, before);
			}
			quoted_newline(&q);
			q.in += c == '\r' ? 2 : 1;
		} else {
			if (q.in + 1 != len && data[q.in + 1] != '\n' && q.line + 1 >= QUOTED_LINE)
				soft_break(&q);
			out[q.n++] = c;
			q.line++;
			q.in++;
		}
	}
	return q.n;
}
