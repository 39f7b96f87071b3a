/* SPDX-License-Identifier: Apache-2.0 */
/* See exec.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/symbols.h"
#include "base/human.h"
#include "front/cli/exec.h"

#define BUFFER_MAX (UINT64_C(64) << 20)

static int parse_arg(struct exec *x, const char *text, struct exec_arg *ret, struct err *err);

static int bad(struct err *err, const char *text, const char *why)
{
	return err_set(err, ERR_USAGE, 0, "%s: %s", text, why);
}

/* Decimal, octal, hexadecimal; 64 bits, signed or not. */
static bool parse_number(const char *text, uint64_t *ret)
{
	bool negative = *text == '-';
	char *end;

	text += negative;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (negative)
		*ret = -*ret;
	return !errno && !*end;
}

/* "O_RDWR|O_CLOEXEC|0x4" */
static int parse_names(struct exec *x, const char *text, uint64_t *ret, struct err *err)
{
	char *copy = arena_strdup(x->arena, text), *save = NULL, *word;
	uint64_t value = 0, one;

	for (word = strtok_r(copy, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
		const char *near;

		if (parse_number(word, &one) || symbol_value(word, &one)) {
			value |= one;
			continue;
		}
		near = symbol_nearest(word);
		return err_set(
			err, ERR_USAGE, 0,
			near ? "%s is neither a number nor a known constant; the nearest one is "
			       "%s (a string begins with &)"
			     : "%s is neither a number nor a known constant (a string begins with &)",
			word, near);
	}
	*ret = value;
	return 0;
}

static int parse_hex(struct exec *x, const char *digits, struct exec_arg *arg, struct err *err)
{
	size_t len = strlen(digits);
	unsigned char *bytes = arena_alloc(x->arena, len / 2 + 1);

	if (len % 2 || strspn(digits, "0123456789abcdefABCDEF") != len)
		return bad(err, arg->text, "&hex: takes pairs of hexadecimal digits");
	for (size_t i = 0; i < len / 2; i++) {
		char pair[3] = { digits[2 * i], digits[2 * i + 1], 0 };

		bytes[i] = strtoul(pair, NULL, 16);
	}
	arg->kind = EXEC_DATA;
	arg->data = bytes;
	arg->size = len / 2;
	return 0;
}

static int parse_pointer(struct exec *x, const char *text, struct exec_arg *arg, struct err *err)
{
	if (!strncmp(text, "hex:", 4))
		return parse_hex(x, text + 4, arg, err);
	if (!strncmp(text, "str:", 4))
		text += 4;
	arg->kind = EXEC_DATA;
	arg->data = text;
	arg->size = strlen(text) + 1;
	return 0;
}

static int parse_buffer(struct exec *x, const char *size, struct exec_arg *arg, struct err *err)
{
	struct exec_buffer buffer = { 0 };
	uint64_t bytes;

	if (human_parse_size(size, &bytes) < 0 || !bytes || bytes > BUFFER_MAX)
		return bad(err, arg->text, "buf: takes a size of 1 byte to 64M");
	buffer.size = bytes;
	arg->kind = EXEC_BUFFER;
	arg->value = x->n_buffers;
	arena_push(x->arena, x->buffers, x->n_buffers, buffer);
	return 0;
}

/* The call in work is not among the calls yet. */
static int parse_reference(struct exec *x, const char *text, struct exec_arg *arg, struct err *err)
{
	bool buffer = !strncmp(text, "buf", 3);
	size_t known = buffer ? x->n_buffers : x->n_calls;
	int64_t number;

	if (human_parse_int(buffer ? text + 3 : text, 1, known, &number) < 0)
		return err_set(err, ERR_USAGE, 0,
			       "%s: there %s %zu %s before it; the first is @%s1", arg->text,
			       known == 1 ? "is" : "are", known,
			       buffer ? (known == 1 ? "buffer" : "buffers")
				      : (known == 1 ? "call" : "calls"),
			       buffer ? "buf" : "");
	arg->kind = buffer ? EXEC_BUFFER : EXEC_RESULT;
	arg->value = number - 1;
	return 0;
}

static int parse_words(struct exec *x, const char *list, struct exec_arg *arg, struct err *err)
{
	char *copy = arena_strdup(x->arena, list), *save = NULL, *word;

	arg->kind = EXEC_WORDS;
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct exec_arg one;
		int ret = parse_arg(x, word, &one, err);

		if (ret < 0)
			return ret;
		if (one.kind == EXEC_WORDS)
			return bad(err, arg->text, "words: don't nest");
		arena_push(x->arena, arg->words, arg->n_words, one);
	}
	return arg->n_words ? 0
			    : bad(err, arg->text,
				  "words: takes a list of arguments, separated by commas");
}

static int parse_arg(struct exec *x, const char *text, struct exec_arg *ret, struct err *err)
{
	*ret = (struct exec_arg){ .text = text, .kind = EXEC_NUMBER };
	if (text[0] == '&')
		return parse_pointer(x, text + 1, ret, err);
	if (text[0] == '@')
		return parse_reference(x, text + 1, ret, err);
	if (!strncmp(text, "buf:", 4))
		return parse_buffer(x, text + 4, ret, err);
	if (!strncmp(text, "words:", 6))
		return parse_words(x, text + 6, ret, err);
	if (parse_number(text, &ret->value))
		return 0;
	if (!*text)
		return bad(err, "''", "an empty word is no argument; the empty string is '&'");
	return parse_names(x, text, &ret->value, err);
}

int exec_parse(const struct str_list *words, struct arena *arena, struct exec *ret, struct err *err)
{
	struct exec_call call = { 0 };

	*ret = (struct exec){ .arena = arena };
	for (size_t i = 0; i <= words->n; i++) {
		const char *word = i < words->n ? words->items[i] : ",";
		int r = 0;

		if (!strcmp(word, ",")) {
			if (!call.name)
				return err_set(err, ERR_USAGE, 0,
					       "a system call is missing beside a comma");
			arena_push(arena, ret->calls, ret->n_calls, call);
			call = (struct exec_call){ 0 };
		} else if (!call.name) {
			call.name = word;
		} else if (call.n_args == 6) {
			r = err_set(err, ERR_USAGE, 0, "%s has more than six arguments", call.name);
		} else {
			r = parse_arg(ret, word, &call.args[call.n_args++], err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
