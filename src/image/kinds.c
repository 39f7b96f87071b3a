/* SPDX-License-Identifier: Apache-2.0 */
/* See kinds.h. */
#include "image/kinds.h"

#include <string.h>

#include "image/messages.h"

static const struct image_kind_info kinds[IMAGE_KIND_COUNT] = {
#define KIND(id, name, pattern, magic1, magic2, first, next, framing, payload)                     \
	[IMAGE_##id] = { name, pattern, magic1, magic2, first, next, framing, payload },
#include "image/kinds.def"
#undef KIND
};

const struct image_kind_info *image_kind_info(enum image_kind kind)
{
	return &kinds[kind];
}

/* Not by snprintf: thousands of names are written in a run. */
static char *write_key(char *to, uint64_t key, unsigned base)
{
	char digits[24], *d = digits + sizeof(digits);

	do
		*--d = "0123456789abcdef"[key % base];
	while (key /= base);
	return mempcpy(to, d, digits + sizeof(digits) - d);
}

const char *image_kind_file(enum image_kind kind, uint64_t key, char buf[IMAGE_NAME_SIZE])
{
	const char *pattern = kinds[kind].pattern, *percent = strchr(pattern, '%');

	if (percent) {
		char *end = mempcpy(buf, pattern, percent - pattern);

		end = write_key(end, key, percent[1] == 'x' ? 16 : 10);
		strcpy(end, percent + 2);
	} else {
		strcpy(buf, pattern);
	}
	return buf;
}

/* The key as image_kind_file writes it, in one way only: no sign, no leading zero, no overflow. */
static bool parse_key(const char **s, unsigned base, uint64_t *ret_key)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = *s;
	uint64_t key = 0;

	for (; *p; p++) {
		const char *d = memchr(digits, *p, base);

		if (!d)
			break;
		if (__builtin_mul_overflow(key, base, &key) ||
		    __builtin_add_overflow(key, (uint64_t)(d - digits), &key))
			return false;
	}
	if (p == *s || (**s == '0' && p - *s > 1))
		return false;
	*s = p;
	*ret_key = key;
	return true;
}

static bool match(const char *pattern, const char *file, uint64_t *ret_key)
{
	const char *percent;
	size_t head;

	*ret_key = 0;
	if (*pattern != *file)
		return false;
	percent = strchr(pattern, '%');
	head = percent ? (size_t)(percent - pattern) : strlen(pattern);
	if (strncmp(pattern, file, head))
		return false;
	file += head;
	if (!percent)
		return !*file;
	return parse_key(&file, percent[1] == 'x' ? 16 : 10, ret_key) && !strcmp(file, percent + 2);
}

bool image_kind_by_file(const char *file, enum image_kind *ret_kind, uint64_t *ret_key)
{
	uint64_t key;

	for (int k = 0; k < IMAGE_KIND_COUNT; k++) {
		if (!match(kinds[k].pattern, file, &key))
			continue;
		*ret_kind = k;
		if (ret_key)
			*ret_key = key;
		return true;
	}
	return false;
}

bool image_kind_by_magic(uint32_t word1, uint32_t word2, enum image_kind *ret_kind)
{
	for (int k = 0; k < IMAGE_KIND_COUNT; k++) {
		if (!kinds[k].magic1 || kinds[k].magic1 != word1)
			continue;
		if (kinds[k].magic2 && kinds[k].magic2 != word2)
			continue;
		*ret_kind = k;
		return true;
	}
	return false;
}

bool image_kind_by_name(const char *name, enum image_kind *ret_kind)
{
	for (int k = 0; k < IMAGE_KIND_COUNT; k++) {
		if (strcmp(kinds[k].name, name))
			continue;
		*ret_kind = k;
		return true;
	}
	return false;
}

bool image_kind_is_service(enum image_kind kind)
{
	return kinds[kind].magic1 == IMAGE_MAGIC_SERVICE;
}
