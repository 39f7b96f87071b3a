/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set may have thousands of small images, each to be opened, read, closed and decoded: a team of
 * threads does that before anybody asks. Nothing is judged here. What can't be read or decoded
 * stays as it is, and whoever asks for it does it again, and tells what is wrong.
 */
#include <errno.h>

#include "base/team.h"
#include "image/internal.h"

#define IMAGES_WORTH 48 /* a thread's start is worth so many of them */
#define PART	     16 /* images */

struct ahead {
	struct image_dir *dir;
	struct arena arenas[TEAM_MAX]; /* of the threads but the first, which has the set's */
	struct err *err;
};

/* A pagemap has a form of its own (pagemap.c). The list of files is decoded however long it is. */
static bool is_decoded_ahead(const struct listed_image *i)
{
	return !i->decoded && i->kind != IMAGE_PAGEMAP && i->kind != IMAGE_SHMEM_PAGEMAP &&
	       (i->data || i->kind == IMAGE_FILES);
}

static int look_at(struct ahead *ahead, size_t who, struct listed_image *i)
{
	struct arena *a = who ? &ahead->arenas[who] : &ahead->dir->records;
	int ret = listing_look(ahead->dir->fd, ahead->dir->listing, i, a);

	char name[IMAGE_NAME_SIZE];

	if (ret) {
		errno = -ret;
		return err_sys(ahead->err, "fstatat", "can't look at the image %s",
			       image_kind_file(i->kind, i->key, name));
	}
	if (!i->gone && is_decoded_ahead(i))
		image_decode_listed(ahead->dir, i, a, NULL);
	return 0;
}

static int part_of(void *data, size_t who, size_t part)
{
	struct ahead *ahead = data;
	struct listing *l = ahead->dir->listing;
	size_t end = (part + 1) * PART < l->n ? (part + 1) * PART : l->n;
	int ret = 0;

	for (size_t i = part * PART; !ret && i < end; i++)
		ret = look_at(ahead, who, &l->images[i]);
	return ret;
}

int image_read_ahead(struct image_dir *dir, struct err *err)
{
	struct listing *l = dir->listing;
	struct ahead ahead = { .dir = dir, .err = err };
	size_t size = team_size(l->n, IMAGES_WORTH);
	int ret;

	for (size_t i = 0; i < TEAM_MAX; i++)
		ahead.arenas[i].shared = true;
	ret = team_run(size, (l->n + PART - 1) / PART, part_of, &ahead);
	if (size > 1) /* a task of the set may need the id of one of us */
		team_await_alone();
	for (size_t i = 1; i < TEAM_MAX; i++)
		arena_adopt(&dir->records, &ahead.arenas[i]);
	if (!ret)
		listing_settle(l);
	return ret;
}
