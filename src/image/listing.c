/* SPDX-License-Identifier: Apache-2.0 */
/* See listing.h. */
#include "image/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"

/* Kept in memory are files of up to KEEP_FILE bytes, or KEEP_SINGLE if they are one message, which
 * is read and verified whole anyway; KEEP_STREAM of a TCP connection; KEEP_ALL of them together. */
#define KEEP_FILE   (64u << 10)
#define KEEP_SINGLE (4u << 20)
#define KEEP_STREAM (4u << 10)
#define KEEP_ALL    (64u << 20)

/* Payload is read with the descriptor, but that of small connections, of which there may be
 * thousands; pages are not read here at all. */
static bool is_kept(enum image_kind kind)
{
	const struct image_kind_info *info = image_kind_info(kind);

	return info->framing != FRAMING_RAW &&
	       (info->payload == PAYLOAD_NONE || kind == IMAGE_TCP_STREAM) &&
	       !image_kind_is_service(kind);
}

static off_t keep_most(enum image_kind kind)
{
	if (kind == IMAGE_TCP_STREAM)
		return KEEP_STREAM;
	return image_kind_info(kind)->framing == FRAMING_SINGLE ? KEEP_SINGLE : KEEP_FILE;
}

/* Several threads may ask at the same time. */
static bool may_keep(struct listing *l, size_t size)
{
	if (atomic_fetch_add(&l->kept, size) + size <= KEEP_ALL)
		return true;
	atomic_fetch_sub(&l->kept, size);
	return false;
}

/* What can't be opened or read now is told by whoever reads the image. */
static const char *read_small(int dirfd, const char *name, struct listing *l, off_t most,
			      struct arena *a, struct stat *ret_st)
{
	/* O_NONBLOCK: a fifo in place of an image must not hold us up. */
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data;

	if (fd < 0 || fstat(fd, ret_st)) {
		ret_st->st_mode = 0;
		return NULL;
	}
	if (!S_ISREG(ret_st->st_mode) || ret_st->st_size > most || !may_keep(l, ret_st->st_size))
		return NULL;
	data = arena_alloc(a, ret_st->st_size + 1);
	return pread_full(fd, data, ret_st->st_size, 0) ? NULL : data;
}

int listing_look(int dirfd, struct listing *l, struct listed_image *i, struct arena *a)
{
	char name[IMAGE_NAME_SIZE];
	struct stat st = {};

	if (i->looked)
		return 0;
	image_kind_file(i->kind, i->key, name);
	if (is_kept(i->kind))
		i->data = read_small(dirfd, name, l, keep_most(i->kind), a, &st);
	if (!st.st_mode && fstatat(dirfd, name, &st, 0)) {
		if (errno != ENOENT)
			return -errno;
		i->gone = true;
	}
	i->size = st.st_size;
	i->looked = true;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct listed_image *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Grows outside of the arena, where what it has grown out of would stay. */
static int add(struct listing *l, size_t *room, const struct listed_image *i, struct err *err)
{
	if (l->n == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct listed_image *grown = realloc(l->images, more * sizeof(*grown));

		if (!grown)
			return err_sys(err, "malloc", "can't list %zu images", more);
		l->images = grown;
		*room = more;
	}
	l->images[l->n++] = *i;
	return 0;
}

static int read_names(DIR *d, struct err *err, struct listing *l)
{
	size_t room = 0;
	struct dirent *e;
	int ret = 0;

	while (!ret && (e = readdir(d))) {
		struct listed_image i = {};

		if (image_kind_by_file(e->d_name, &i.kind, &i.key))
			ret = add(l, &room, &i, err);
	}
	return ret;
}

int listing_load(int dirfd, struct err *err, struct listing *l)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int ret;

	if (!d)
		return err_sys(err, "openat", "can't list the images directory");
	ret = read_names(d, err, l);
	if (!ret && l->n)
		qsort(l->images, l->n, sizeof(*l->images), compare);
	return ret;
}

void listing_settle(struct listing *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!l->images[i].gone)
			l->images[n++] = l->images[i];
	l->n = n;
	hash_reserve(&l->by_name, n);
	for (size_t i = 0; i < n; i++)
		hash_put(&l->by_name, hash_mix(l->images[i].kind, l->images[i].key), &l->images[i]);
}

static bool is(const struct listed_image *i, enum image_kind kind, uint64_t key)
{
	return i && i->kind == kind && i->key == key;
}

struct listed_image *listing_find(const struct listing *l, enum image_kind kind, uint64_t key)
{
	struct listed_image *found = hash_get(&l->by_name, hash_mix(kind, key));
	const struct listed_image wanted = { .kind = kind, .key = key };

	/* Two names can have one hash; and there may be none yet. */
	if (found ? !is(found, kind, key) : l->n && !l->by_name.size)
		found = bsearch(&wanted, l->images, l->n, sizeof(*l->images), compare);
	return is(found, kind, key) ? found : NULL;
}

void listing_free(struct listing *l)
{
	hash_free(&l->by_name);
	free(l->images);
	l->images = NULL;
}
