/* SPDX-License-Identifier: Apache-2.0 */
/* See pagemap.h. An entry is written by hand, and read by hand where it is what all writers write;
 * else by the codec, which says what is wrong, too. */
#include "image/pagemap.h"

#include <string.h>

#include "base/cleanup.h"
#include "image/internal.h"
#include "image/writer.h"

#define ENTRY_MIN 8 /* bytes: a length, and both required fields */

#define PAGES_PARENT  1
#define PAGES_PRESENT 4

enum { VADDR = 1, COMPAT_NR_PAGES, IN_PARENT, FLAGS, NR_PAGES };

#define ENTRY_MAX 48 /* a length, four keys, and numbers of 10, 5, 5 and 10 bytes at most */

static size_t put_number(uint8_t *to, uint64_t v)
{
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		to[n++] = v | 0x80;
	to[n++] = v;
	return n;
}

int image_write_range(struct image_writer *w, const struct pagemap_range *r, struct err *err)
{
	const struct {
		uint8_t field;
		uint64_t value;
	} fields[] = {
		{ VADDR, r->start },
		/* Tools before CRIU 4.2 know only this field. */
		{ COMPAT_NR_PAGES, r->pages <= UINT32_MAX ? r->pages : 0 },
		{ FLAGS, r->flags },
		{ NR_PAGES, r->pages },
	};
	uint8_t entry[ENTRY_MAX];
	size_t n = sizeof(uint32_t);
	uint32_t len;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		entry[n++] = fields[i].field << 3;
		n += put_number(entry + n, fields[i].value);
	}
	len = n - sizeof(len);
	memcpy(entry, &len, sizeof(len));
	return image_write_raw(w, entry, n, err);
}

static bool get_number(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; *p < end && shift < 63; shift += 7) {
		uint8_t byte = *(*p)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static uint32_t flags_of(const PagemapEntry *e)
{
	if (e->has_flags)
		return e->flags;
	return e->has_in_parent && e->in_parent ? PAGES_PARENT : PAGES_PRESENT;
}

static struct pagemap_range range_of(const PagemapEntry *e)
{
	return (struct pagemap_range){
		.start = e->vaddr,
		.pages = e->has_nr_pages ? e->nr_pages : e->compat_nr_pages,
		.flags = flags_of(e),
	};
}

/* All of a new writer's fields, each once, and nothing else. */
static bool quick_range(const uint8_t *p, const uint8_t *end, struct pagemap_range *ret)
{
	static const uint8_t order[] = { VADDR, COMPAT_NR_PAGES, FLAGS, NR_PAGES };
	uint64_t values[NR_PAGES + 1];

	for (size_t i = 0; i < sizeof(order); i++) {
		if (p == end || *p++ != order[i] << 3 || !get_number(&p, end, &values[order[i]]))
			return false;
	}
	*ret = (struct pagemap_range){ values[VADDR], values[NR_PAGES], values[FLAGS] };
	return p == end && values[COMPAT_NR_PAGES] <= UINT32_MAX && values[FLAGS] <= UINT32_MAX;
}

static int careful_range(struct image_reader *r, const uint8_t *data, size_t len, struct err *err,
			 struct pagemap_range *ret)
{
	_cleanup_(arena_free) struct arena scratch = {};
	ProtobufCMessage *msg;
	int res = image_decode(r, &pagemap_entry__descriptor, data, len, &scratch, err, &msg);

	if (!res)
		*ret = range_of((const PagemapEntry *)msg);
	return res;
}

static int read_head(struct image_reader *r, struct err *err, uint32_t *ret_id)
{
	_cleanup_(arena_free) struct arena scratch = {};
	const uint8_t *data;
	ProtobufCMessage *msg;
	uint32_t len;
	int ret = image_next(r, err, &data, &len);

	if (!ret && !data)
		ret = image_corrupt(err, image_reader_name(r),
				    "it ends behind its header, at byte %llu, with no entry",
				    (unsigned long long)image_reader_offset(r));
	if (!ret)
		ret = image_decode(r, &pagemap_head__descriptor, data, len, &scratch, err, &msg);
	if (!ret)
		*ret_id = ((const PagemapHead *)msg)->pages_id;
	return ret;
}

static int read_ranges(struct image_reader *r, struct arena *a, struct err *err,
		       struct pagemap_image *ret)
{
	size_t room = image_reader_left(r) / ENTRY_MIN + 1;
	const uint8_t *data;
	uint32_t len;
	int res;

	ret->ranges = arena_array(a, struct pagemap_range, room);
	for (;;) {
		res = image_next(r, err, &data, &len);
		if (res || !data)
			return res;
		if (ret->n == room) /* of entries that are too short */
			return careful_range(r, data, len, err, &(struct pagemap_range){ 0 });
		if (!quick_range(data, data + len, &ret->ranges[ret->n]))
			res = careful_range(r, data, len, err, &ret->ranges[ret->n]);
		if (res)
			return res;
		ret->n++;
	}
}

static int read_all(struct image_reader *r, struct arena *a, struct err *err,
		    struct pagemap_image **ret)
{
	struct pagemap_image *p = arena_new(a, struct pagemap_image);
	int res;

	*p = (struct pagemap_image){ 0 };
	res = read_head(r, err, &p->pages_id);
	if (!res)
		res = read_ranges(r, a, err, p);
	if (!res)
		*ret = p;
	return res;
}

int image_read_pagemap(const struct image_dir *dir, enum image_kind kind, uint64_t key,
		       struct arena *a, struct err *err, const struct pagemap_image **ret_pagemap)
{
	struct listed_image *listed = dir->listing ? listing_find(dir->listing, kind, key) : NULL;
	_cleanup_image_reader_ struct image_reader *r = NULL;
	struct pagemap_image *p;
	int ret;

	if (listed && listed->pagemap) {
		*ret_pagemap = listed->pagemap;
		return 0;
	}
	if (listed)
		a = dir->listing->records;
	ret = image_reader_open(dir, kind, key, a, err, &r);
	if (!ret)
		ret = read_all(r, a, err, &p);
	if (ret)
		return ret;
	if (listed)
		listed->pagemap = p;
	*ret_pagemap = p;
	return 0;
}
