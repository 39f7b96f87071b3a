/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define DEPTH	 8	 /* of parts without a name in each other */
#define PIECE	 0x10000 /* of the file, where it is read */

/*
 * The file has megabytes, of which most questions need but a beginning: task_struct is among the
 * first hundred types of a hundred thousand. So it is mapped, which the kernel allows from Linux
 * 6.16 on, or read in pieces when they are looked at, and types are counted as far as it takes.
 */
struct btf {
	char *data;
	size_t size;
	int fd;	    /* of what is read in pieces; -1: it is mapped */
	char *have; /* pieces that were read */
	size_t strings, strings_len;
	size_t next, end;	       /* types that were not counted yet */
	const struct btf_type **types; /* by id; [0] is void */
	uint32_t n;
	const struct btf_type **structs; /* those with names; one type in a dozen */
	uint32_t n_structs;
};

/* Whether this part of the file is there, and can be looked at. */
static bool have(struct btf *b, size_t at, size_t len)
{
	if (at > b->size || len > b->size - at)
		return false;
	for (size_t i = at / PIECE; b->fd >= 0 && i * PIECE < at + len; i++) {
		size_t from = i * PIECE, to = from + PIECE < b->size ? from + PIECE : b->size;

		while (!b->have[i] && from < to) {
			ssize_t n = pread(b->fd, b->data + from, to - from, from);

			if (n <= 0)
				return false;
			from += n;
		}
		b->have[i] = true;
	}
	return true;
}

/* What follows the head of a type; -1: a kind that is not known here. */
static long tail_size(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case 17: /* BTF_KIND_DECL_TAG */
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
	case 19: /* BTF_KIND_ENUM64 */
		return n * 3 * sizeof(uint32_t);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case 16: /* BTF_KIND_FLOAT */
	case 18: /* BTF_KIND_TYPE_TAG */
		return 0;
	}
	return -1;
}

/* One type more; false: there is none, or it can't be understood. */
static bool count_type(struct btf *b)
{
	const struct btf_type *t = (const struct btf_type *)(b->data + b->next);
	long tail;

	if (b->end - b->next < sizeof(*t) || !have(b, b->next, sizeof(*t)))
		return false;
	tail = tail_size(t);
	b->next += sizeof(*t);
	if (tail < 0 || (size_t)tail > b->end - b->next || !have(b, b->next, tail)) {
		b->end = b->next;
		return false;
	}
	b->next += tail;
	if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT && t->name_off)
		b->structs[b->n_structs++] = t;
	b->types[b->n++] = t;
	return true;
}

static const struct btf_type *type(struct btf *b, uint32_t id)
{
	while (id >= b->n)
		if (!count_type(b))
			return NULL;
	return b->types[id];
}

static const struct btf_type *named_struct(struct btf *b, uint32_t i)
{
	while (i >= b->n_structs)
		if (!count_type(b))
			return NULL;
	return b->structs[i];
}

static int parse(struct btf *b)
{
	const struct btf_header *h = (const struct btf_header *)b->data;
	uint64_t types, strings;
	size_t room;

	if (!have(b, 0, sizeof(*h)) || h->magic != BTF_MAGIC)
		return -EPROTO;
	types = (uint64_t)h->hdr_len + h->type_off;
	strings = (uint64_t)h->hdr_len + h->str_off;
	if (types + h->type_len > b->size || strings + h->str_len > b->size || !h->str_len ||
	    !have(b, strings + h->str_len - 1, 1) || b->data[strings + h->str_len - 1])
		return -EPROTO;
	b->strings = strings;
	b->strings_len = h->str_len;
	b->next = types;
	b->end = types + h->type_len;
	/* None is shorter than its head. What is not used of these costs nothing. */
	room = h->type_len / sizeof(struct btf_type) + 1;
	b->types = calloc(room, sizeof(*b->types));
	b->structs = calloc(room, sizeof(*b->structs));
	b->n = 1;
	return b->types && b->structs ? 0 : -ENOMEM;
}

static int open_file(struct btf *b)
{
	struct stat st;

	b->fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0 || fstat(b->fd, &st) < 0)
		return -errno;
	b->size = st.st_size;
	return 0;
}

static bool map_file(struct btf *b)
{
	void *data = mmap(NULL, b->size, PROT_READ, MAP_PRIVATE, b->fd, 0);

	if (data == MAP_FAILED)
		return false;
	b->data = data;
	close_fd(&b->fd);
	return true;
}

static int make_room(struct btf *b)
{
	b->data = malloc(b->size + 1);
	b->have = calloc(b->size / PIECE + 1, 1);
	return b->data && b->have ? 0 : -ENOMEM;
}

static int open_types(struct btf **ret, bool map)
{
	struct btf *b = calloc(1, sizeof(*b));
	int err = b ? open_file(b) : -ENOMEM;

	if (err == 0 && !(map && map_file(b)))
		err = make_room(b);
	if (err == 0)
		err = parse(b);
	if (err < 0)
		btf_close(b);
	else
		*ret = b;
	return err;
}

int btf_open(struct btf **ret)
{
	return open_types(ret, true);
}

int btf_open_read(struct btf **ret)
{
	return open_types(ret, false);
}

void btf_close(struct btf *b)
{
	if (!b)
		return;
	free(b->types);
	free(b->structs);
	if (b->fd < 0 && b->data)
		munmap(b->data, b->size);
	else
		free(b->data);
	free(b->have);
	close_fd(&b->fd);
	free(b);
}

static bool is_named(struct btf *b, uint32_t at, const char *name, size_t len)
{
	const char *text = b->data + b->strings + at;

	return at < b->strings_len && len < b->strings_len - at &&
	       have(b, b->strings + at, len + 1) && !text[len] && !memcmp(text, name, len);
}

static const struct btf_type *composite(struct btf *b, uint32_t id)
{
	const struct btf_type *t = id ? type(b, id) : NULL;
	int kind = t ? (int)BTF_INFO_KIND(t->info) : -1;

	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ? t : NULL;
}

static int member_offset(struct btf *b, const struct btf_type *t, const char *name, int depth)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	bool bits = BTF_INFO_KFLAG(t->info);

	for (size_t i = 0; i < BTF_INFO_VLEN(t->info); i++, m++) {
		int at = (bits ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset) / 8, inner;
		const struct btf_type *part;

		if (is_named(b, m->name_off, name, strlen(name)))
			return at;
		part = m->name_off || depth == DEPTH ? NULL : composite(b, m->type);
		inner = part ? member_offset(b, part, name, depth + 1) : -ENOENT;
		if (inner >= 0)
			return at + inner;
	}
	return -ENOENT;
}

int btf_offsets(struct btf *b, const char *const *paths, size_t n, int *ret)
{
	size_t missing = n;

	for (size_t p = 0; p < n; p++)
		ret[p] = -ENOENT;
	const struct btf_type *t;

	for (uint32_t i = 0; missing && (t = named_struct(b, i)); i++) {
		for (size_t p = 0; p < n; p++) {
			const char *dot = strchr(paths[p], '.');

			if (ret[p] >= 0 || !dot ||
			    !is_named(b, t->name_off, paths[p], dot - paths[p]))
				continue;
			ret[p] = member_offset(b, t, dot + 1, 0);
			missing -= ret[p] >= 0;
		}
	}
	return missing ? -ENOENT : 0;
}

int btf_offset(struct btf *b, const char *path)
{
	int at;

	btf_offsets(b, &path, 1, &at);
	return at;
}

int btf_size(struct btf *b, const char *name)
{
	const struct btf_type *t;

	for (uint32_t i = 0; (t = named_struct(b, i)); i++)
		if (is_named(b, t->name_off, name, strlen(name)))
			return (int)t->size;
	return -ENOENT;
}

int btf_enumerator(struct btf *b, const char *name)
{
	const struct btf_type *t;

	for (uint32_t i = 1; (t = type(b, i)); i++) {
		const struct btf_enum *e = (const struct btf_enum *)(t + 1);

		if (BTF_INFO_KIND(t->info) != BTF_KIND_ENUM)
			continue;
		for (size_t k = 0; k < BTF_INFO_VLEN(t->info); k++)
			if (is_named(b, e[k].name_off, name, strlen(name)))
				return e[k].val;
	}
	return -ENOENT;
}

int btf_function(struct btf *b, const char *name)
{
	const struct btf_type *t;

	for (uint32_t i = 1; (t = type(b, i)); i++)
		if (BTF_INFO_KIND(t->info) == BTF_KIND_FUNC &&
		    is_named(b, t->name_off, name, strlen(name)))
			return (int)i;
	return -ENOENT;
}
