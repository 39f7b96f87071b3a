/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define DEPTH	 8 /* of parts without a name in each other */

struct btf {
	char *data;
	size_t size;
	const char *strings;
	size_t strings_len;
	const struct btf_type **types; /* by id; [0] is void */
	uint32_t n;
	const struct btf_type **structs; /* those with names; one type in a dozen */
	uint32_t n_structs;
};

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

static int index_types(struct btf *b, const char *at, const char *end)
{
	/* None is shorter than its head. */
	size_t room = (end - at) / sizeof(struct btf_type) + 1;

	b->types = calloc(room, sizeof(*b->types));
	b->structs = calloc(room, sizeof(*b->structs));
	if (!b->types || !b->structs)
		return -ENOMEM;
	for (b->n = 1; at + sizeof(struct btf_type) <= end; b->n++) {
		const struct btf_type *t = (const struct btf_type *)at;
		long tail = tail_size(t);

		if (tail < 0 || end - at - (long)sizeof(*t) < tail)
			return -EPROTO;
		b->types[b->n] = t;
		if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT && t->name_off)
			b->structs[b->n_structs++] = t;
		at += sizeof(*t) + tail;
	}
	return 0;
}

static int parse(struct btf *b)
{
	const struct btf_header *h = (const struct btf_header *)b->data;
	uint64_t types, strings;

	if (b->size < sizeof(*h) || h->magic != BTF_MAGIC)
		return -EPROTO;
	types = (uint64_t)h->hdr_len + h->type_off;
	strings = (uint64_t)h->hdr_len + h->str_off;
	if (types + h->type_len > b->size || strings + h->str_len > b->size || !h->str_len ||
	    b->data[strings + h->str_len - 1])
		return -EPROTO;
	b->strings = b->data + strings;
	b->strings_len = h->str_len;
	return index_types(b, b->data + types, b->data + types + h->type_len);
}

static int read_all(struct btf *b)
{
	_cleanup_fd_ int fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t at = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	b->size = st.st_size;
	b->data = malloc(b->size + 1);
	while (b->data && at < b->size) {
		ssize_t n = read(fd, b->data + at, b->size - at);

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		at += n;
	}
	return b->data ? 0 : -ENOMEM;
}

int btf_open(struct btf **ret)
{
	struct btf *b = calloc(1, sizeof(*b));
	int err = b ? read_all(b) : -ENOMEM;

	if (err == 0)
		err = parse(b);
	if (err < 0)
		btf_close(b);
	else
		*ret = b;
	return err;
}

void btf_close(struct btf *b)
{
	if (!b)
		return;
	free(b->types);
	free(b->structs);
	free(b->data);
	free(b);
}

static bool is_named(const struct btf *b, uint32_t at, const char *name, size_t len)
{
	return at < b->strings_len && !strncmp(b->strings + at, name, len) && !b->strings[at + len];
}

static const struct btf_type *composite(const struct btf *b, uint32_t id)
{
	const struct btf_type *t = id && id < b->n ? b->types[id] : NULL;
	int kind = t ? (int)BTF_INFO_KIND(t->info) : -1;

	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ? t : NULL;
}

static int member_offset(const struct btf *b, const struct btf_type *t, const char *name, int depth)
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

int btf_offsets(const struct btf *b, const char *const *paths, size_t n, int *ret)
{
	size_t missing = n;

	for (size_t p = 0; p < n; p++)
		ret[p] = -ENOENT;
	for (uint32_t i = 0; missing && i < b->n_structs; i++) {
		const struct btf_type *t = b->structs[i];

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

int btf_offset(const struct btf *b, const char *path)
{
	int at;

	btf_offsets(b, &path, 1, &at);
	return at;
}

int btf_size(const struct btf *b, const char *name)
{
	for (uint32_t i = 0; i < b->n_structs; i++)
		if (is_named(b, b->structs[i]->name_off, name, strlen(name)))
			return (int)b->structs[i]->size;
	return -ENOENT;
}

int btf_enumerator(const struct btf *b, const char *name)
{
	for (uint32_t i = 1; i < b->n; i++) {
		const struct btf_enum *e = (const struct btf_enum *)(b->types[i] + 1);

		if (BTF_INFO_KIND(b->types[i]->info) != BTF_KIND_ENUM)
			continue;
		for (size_t k = 0; k < BTF_INFO_VLEN(b->types[i]->info); k++)
			if (is_named(b, e[k].name_off, name, strlen(name)))
				return e[k].val;
	}
	return -ENOENT;
}

int btf_function(const struct btf *b, const char *name)
{
	for (uint32_t i = 1; i < b->n; i++)
		if (BTF_INFO_KIND(b->types[i]->info) == BTF_KIND_FUNC &&
		    is_named(b, b->types[i]->name_off, name, strlen(name)))
			return (int)i;
	return -ENOENT;
}
