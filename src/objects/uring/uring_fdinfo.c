/* SPDX-License-Identifier: Apache-2.0 */
/* What fdinfo shows of a ring (io_uring/fdinfo.c): lines "key: value", and lists below some. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/uring/uring.h"

#define TEXT_MAX    (32u << 20)
#define INDEX_LIMIT (1u << 16) /* of files and buffers that may be registered: 2^15 and 2^14 */

enum section { SECTION_NONE, FILES, BUFFERS, PERSONALITIES, ARMED, OVERFLOW };

static const struct {
	const char *key;
	enum section section;
} sections[] = {
	{ "UserFiles", FILES },
	{ "UserBufs", BUFFERS },
	{ "Personalities", PERSONALITIES },
	{ "PollList", ARMED },
	{ "CqOverflowList", OVERFLOW },
	{ "NAPI", SECTION_NONE },
	{ "SqThread", SECTION_NONE },
};

struct parse {
	struct arena *arena;
	struct uring_info *info;
	enum section section;
};

static bool is_key(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(key, name, len);
}

static const char *copy(struct arena *a, const char *value, size_t len)
{
	return arena_printf(a, "%.*s", (int)len, value);
}

static int take_file(struct parse *p, uint64_t index, const char *value)
{
	if (index >= p->info->n_files)
		return -EBADMSG;
	p->info->files[index] = !strcmp(value, "<none>") ? NULL : value;
	return 0;
}

static int take_buffer(struct parse *p, uint64_t index, const char *value)
{
	unsigned long long addr;
	unsigned int len;

	if (index >= p->info->n_buffers)
		return -EBADMSG;
	if (!strcmp(value, "<none>"))
		return 0;
	if (sscanf(value, "0x%llx/%u", &addr, &len) != 2)
		return -EBADMSG;
	p->info->buffers[index] = (struct iovec){ (void *)(uintptr_t)addr, len };
	return 0;
}

/* A line of a list. */
static int take_item(struct parse *p, const char *key, const char *value)
{
	char *end;
	uint64_t index = strtoull(key, &end, 10);

	switch (p->section) {
	case FILES:
		return *end ? -EBADMSG : take_file(p, index, value);
	case BUFFERS:
		return *end ? -EBADMSG : take_buffer(p, index, value);
	case ARMED:
		p->info->armed = true;
		break;
	case OVERFLOW:
		p->info->overflow = true;
		break;
	default:
		break;
	}
	return 0;
}

static int begin(struct parse *p, enum section section, const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	p->section = section;
	if ((section == FILES || section == BUFFERS) && n > INDEX_LIMIT)
		return -EBADMSG;
	if (section == FILES) {
		p->info->n_files = n;
		p->info->files = arena_array(p->arena, const char *, n + 1);
	} else if (section == BUFFERS) {
		p->info->n_buffers = n;
		p->info->buffers = arena_array(p->arena, struct iovec, n + 1);
	}
	p->info->personalities |= section == PERSONALITIES;
	return 0;
}

static int take_line(struct parse *p, const char *key, size_t key_len, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (is_key(key, key_len, sections[i].key)) {
			if (!strcmp(sections[i].key, "NAPI"))
				p->info->napi = !strcmp(value, "enabled");
			return begin(p, sections[i].section, value);
		}
	return p->section ? take_item(p, copy(p->arena, key, key_len), value) : 0;
}

static int take_lists(struct arena *a, const struct proc_fdinfo *info, struct uring_info *ret)
{
	struct parse p = { a, ret, SECTION_NONE };
	const char *key, *value;
	size_t pos = 0, key_len, value_len;
	int err = 0;

	while (err == 0 &&
	       proc_next_line(info->text, info->text_len, &pos, &key, &key_len, &value, &value_len))
		err = take_line(&p, key, key_len, copy(a, value, value_len));
	return err;
}

static int number(const struct proc_fdinfo *info, const char *key, int base, uint32_t *ret)
{
	uint64_t v;
	int err = proc_fdinfo_num(info, key, base, &v);

	if (err < 0 || v > UINT32_MAX)
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* -1 where there is none: no number for the others' parser. */
static int64_t thread_of(const struct proc_fdinfo *info)
{
	uint64_t tid;

	return proc_fdinfo_num(info, "SqThread", 10, &tid) == 0 ? (int64_t)tid : -1;
}

int uring_info_parse(struct arena *a, const struct proc_fdinfo *info, struct uring_info *ret)
{
	uint32_t sq_mask, cq_mask;

	*ret = (struct uring_info){ .sq_thread = thread_of(info) };
	if (number(info, "SqMask", 16, &sq_mask))
		return -EOPNOTSUPP;
	if (number(info, "CqMask", 16, &cq_mask) || number(info, "SqHead", 10, &ret->sq_head) ||
	    number(info, "SqTail", 10, &ret->sq_tail) ||
	    number(info, "CqHead", 10, &ret->cq_head) ||
	    number(info, "CqTail", 10, &ret->cq_tail) ||
	    number(info, "CachedSqHead", 10, &ret->cached_sq_head) ||
	    number(info, "CachedCqTail", 10, &ret->cached_cq_tail) ||
	    sq_mask >= URING_ENTRIES_MAX || cq_mask >= URING_ENTRIES_MAX)
		return -EBADMSG;
	ret->sq_entries = sq_mask + 1;
	ret->cq_entries = cq_mask + 1;
	return take_lists(a, info, ret);
}

ssize_t uring_info_text(int fd, char *buf, size_t size)
{
	char path[64];
	_cleanup_fd_ int info = -1;
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	while ((n = read(info, buf + len, size - 1 - len)) > 0)
		len += n;
	if (n < 0)
		return -errno;
	buf[len] = '\0';
	return len < size - 1 ? (ssize_t)len : -E2BIG;
}

int uring_info_own(struct arena *a, int fd, struct uring_info *ret)
{
	_cleanup_free_ char *text = malloc(TEXT_MAX);
	struct proc_fdinfo info;
	ssize_t len = text ? uring_info_text(fd, text, TEXT_MAX) : -ENOMEM;
	int err;

	if (len < 0)
		return len;
	err = proc_fdinfo_parse(a, text, len, &info);
	return err < 0 ? err : uring_info_parse(a, &info, ret);
}
