/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over text that the kernel wrote. What does not fit sets `bad`, which stays; a parser
 * reads on and asks once at the end. Nothing reads at or behind end.
 */
#ifndef KERNEL_SCAN_H
#define KERNEL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct scan {
	const char *p, *end;
	bool bad;
};

static inline struct scan scan_text(const char *text, size_t len)
{
	return (struct scan){ .p = text, .end = text + len };
}

static inline bool scan_at_end(const struct scan *s)
{
	return s->p >= s->end;
}

static inline size_t scan_left(const struct scan *s)
{
	return s->end - s->p;
}

static inline void scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

/* True and past it when c comes next. */
static inline bool scan_try(struct scan *s, char c)
{
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static inline void scan_expect(struct scan *s, char c)
{
	if (!scan_try(s, c))
		s->bad = true;
}

static inline bool scan_try_str(struct scan *s, const char *str)
{
	size_t len = strlen(str);

	if (scan_left(s) < len || memcmp(s->p, str, len))
		return false;
	s->p += len;
	return true;
}

static inline uint64_t scan_dec(struct scan *s)
{
	const char *from = s->p;
	uint64_t v = 0;

	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s->p - '0'), &v))
			s->bad = true;
	if (s->p == from)
		s->bad = true;
	return v;
}

static inline int scan_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline uint64_t scan_hex(struct scan *s)
{
	const char *from = s->p;
	uint64_t v = 0;
	int digit;

	for (; s->p < s->end && (digit = scan_hex_digit(*s->p)) >= 0; s->p++) {
		if (v >> 60)
			s->bad = true;
		v = v << 4 | digit;
	}
	if (s->p == from)
		s->bad = true;
	return v;
}

static inline uint64_t scan_oct(struct scan *s)
{
	const char *from = s->p;
	uint64_t v = 0;

	for (; s->p < s->end && *s->p >= '0' && *s->p <= '7'; s->p++) {
		if (v >> 61)
			s->bad = true;
		v = v << 3 | (*s->p - '0');
	}
	if (s->p == from)
		s->bad = true;
	return v;
}

static inline int64_t scan_int(struct scan *s)
{
	bool minus = scan_try(s, '-');
	uint64_t v = scan_dec(s);

	if (v > (uint64_t)INT64_MAX + minus)
		s->bad = true;
	return minus ? (int64_t)(0 - v) : (int64_t)v;
}

/* Numbers that have to fit a narrower type. */
static inline uint32_t scan_u32(struct scan *s)
{
	uint64_t v = scan_dec(s);

	if (v > UINT32_MAX)
		s->bad = true;
	return v;
}

static inline int32_t scan_i32(struct scan *s)
{
	int64_t v = scan_int(s);

	if (v < INT32_MIN || v > INT32_MAX)
		s->bad = true;
	return v;
}

static inline uint32_t scan_hex32(struct scan *s)
{
	uint64_t v = scan_hex(s);

	if (v > UINT32_MAX)
		s->bad = true;
	return v;
}

/* Up to c or the end, which stays unread. */
static inline struct scan scan_until(struct scan *s, char c)
{
	const char *hit = memchr(s->p, c, scan_left(s));
	struct scan part = { .p = s->p, .end = hit ? hit : s->end };

	s->p = part.end;
	return part;
}

/* The next line without its newline; false at the end of the text. */
static inline bool scan_line(struct scan *s, struct scan *ret)
{
	if (scan_at_end(s))
		return false;
	*ret = scan_until(s, '\n');
	scan_try(s, '\n');
	return true;
}

/* The next word: no blanks or newlines in it; empty at the end. */
static inline struct scan scan_word(struct scan *s)
{
	struct scan word = { .p = s->p };

	while (s->p < s->end && *s->p != ' ' && *s->p != '\t' && *s->p != '\n')
		s->p++;
	word.end = s->p;
	return word;
}

static inline bool scan_is(const struct scan *s, const char *str)
{
	return strlen(str) == scan_left(s) && !memcmp(s->p, str, scan_left(s));
}

#endif
