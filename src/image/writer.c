/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an image; see writer.h and, for the format, reader.c. */
#include "image/writer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/internal.h"
#include "image/pack.h"

#define BUFFER_SIZE (64 * 1024)

struct image_writer {
	struct image_dir *dir; /* NULL for a service image */
	enum image_kind kind;
	uint64_t key;
	const char *name; /* NULL before the first byte */
	int fd;
	bool shared;	  /* somebody else writes to the descriptor as well */
	uint64_t written; /* bytes, but for those in buf */
	size_t used;
	char buf[BUFFER_SIZE];
};

static int failed_write(struct image_writer *w, struct err *err, const char *call, int ret)
{
	err_set(err, ERR_IMAGE_WRITE, -ret, "can't write the image %s with %s", w->name, call);
	return err_add_image(err, w->name, ret);
}

static int flush(struct image_writer *w, struct err *err)
{
	int ret = write_full(w->fd, w->buf, w->used);

	w->written += w->used;
	w->used = 0;
	return ret ? failed_write(w, err, "write", ret) : 0;
}

static int put(struct image_writer *w, const void *data, size_t len, struct err *err)
{
	int ret;

	if (len > BUFFER_SIZE - w->used) {
		ret = flush(w, err);
		if (ret)
			return ret;
	}
	if (len >= BUFFER_SIZE) {
		ret = write_full(w->fd, data, len);
		w->written += len;
		return ret ? failed_write(w, err, "write", ret) : 0;
	}
	memcpy(w->buf + w->used, data, len);
	w->used += len;
	return 0;
}

static int put_header(struct image_writer *w, struct err *err)
{
	const struct image_kind_info *info = image_kind_info(w->kind);
	int ret = 0;

	if (info->magic1)
		ret = put(w, &info->magic1, sizeof(info->magic1), err);
	if (!ret && info->magic2)
		ret = put(w, &info->magic2, sizeof(info->magic2), err);
	return ret;
}

/* The file comes with the first byte. */
static int begin(struct image_writer *w, struct err *err)
{
	int ret;

	if (w->fd >= 0)
		return 0;
	ret = image_dir_note(w->dir, w->kind, w->key, err, &w->name);
	if (ret)
		return ret;
	w->fd = openat(w->dir->set_fd, w->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return failed_write(w, err, "openat", -errno);
	return put_header(w, err);
}

static struct image_writer *new_writer(enum image_kind kind, struct err *err)
{
	struct image_writer *w = malloc(sizeof(*w));

	if (!w) {
		err_sys(err, "malloc", "can't write the image %s", image_kind_info(kind)->pattern);
		return NULL;
	}
	w->dir = NULL;
	w->kind = kind;
	w->key = 0;
	w->name = NULL;
	w->fd = -1;
	w->shared = false;
	w->written = 0;
	w->used = 0;
	return w;
}

int image_writer_open(struct image_dir *dir, enum image_kind kind, uint64_t key, struct err *err,
		      struct image_writer **ret_writer)
{
	struct image_writer *w = new_writer(kind, err);

	if (!w)
		return -ENOMEM;
	w->dir = dir;
	w->key = key;
	*ret_writer = w;
	return 0;
}

int image_writer_open_at(int dirfd, const char *name, enum image_kind kind, struct err *err,
			 struct image_writer **ret_writer)
{
	_cleanup_image_writer_ struct image_writer *w = new_writer(kind, err);
	int ret;

	if (!w)
		return -ENOMEM;
	w->name = name;
	w->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->fd < 0)
		return failed_write(w, err, "openat", -errno);
	ret = put_header(w, err);
	if (ret)
		return ret;
	*ret_writer = TAKE_PTR(w);
	return 0;
}

int image_write_msg(struct image_writer *w, const ProtobufCMessage *msg, struct err *err)
{
	_cleanup_packed_ struct packed p;
	struct codec_fault fault;
	uint32_t len;
	size_t size;
	int ret;

	packed_begin(&p);
	ret = codec_pack(msg, &p, &fault);
	if (ret == -EINVAL)
		return err_set(err, ERR_INTERNAL, EINVAL, "%s.%s of %s: %s",
			       message_name(msg->descriptor), fault.field,
			       image_kind_info(w->kind)->pattern, fault.why);
	if (ret)
		return err_set(err, ERR_RESOURCE, -ret, "no memory to pack a %s",
			       message_name(msg->descriptor));
	size = packed_len(&p);
	if (size > IMAGE_MESSAGE_MAX)
		return err_set(err, ERR_IMAGE_WRITE, EFBIG, "a %s has %zu bytes, the limit is %u",
			       message_name(msg->descriptor), size, IMAGE_MESSAGE_MAX);
	ret = begin(w, err);
	if (ret)
		return ret;
	len = size;
	ret = put(w, &len, sizeof(len), err);
	return ret ? ret : put(w, p.data, size, err);
}

int image_write_raw(struct image_writer *w, const void *data, size_t len, struct err *err)
{
	int ret = len ? begin(w, err) : 0;

	return ret || !len ? ret : put(w, data, len, err);
}

int image_writer_fd(struct image_writer *w, struct err *err, int *ret_fd)
{
	int ret = begin(w, err);

	if (!ret)
		ret = flush(w, err);
	if (!ret)
		*ret_fd = w->fd;
	w->shared = true;
	return ret;
}

/* The inventory is small: all of it is still in the buffer. */
static int finish(struct image_writer *w, struct err *err)
{
	struct image_dir *dir = w->dir;
	int ret;

	if (dir && w->kind == IMAGE_INVENTORY)
		dir->inventory_hash = image_hash(w->buf, w->used);
	ret = flush(w, err);
	if (!ret && dir && !w->shared)
		image_dir_wrote(dir, w->name, w->written);
	return ret;
}

int image_writer_close(struct image_writer **w, struct err *err)
{
	int ret = 0;

	if ((*w)->fd >= 0)
		ret = finish(*w, err);
	if (ret) {
		image_writer_drop(w);
		return ret;
	}
	close_fd(&(*w)->fd);
	free(*w);
	*w = NULL;
	return 0;
}

void image_writer_drop(struct image_writer **w)
{
	if (!*w)
		return;
	close_fd(&(*w)->fd);
	if ((*w)->dir && (*w)->name)
		image_dir_forget((*w)->dir, (*w)->name);
	free(*w);
	*w = NULL;
}

static int write_msgs(struct image_writer *w, const void *msgs, size_t count, struct err *err)
{
	ProtobufCMessage *const *list = msgs;
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++)
		ret = image_write_msg(w, list[i], err);
	return ret;
}

int image_write_all(struct image_dir *dir, enum image_kind kind, uint64_t key, const void *msgs,
		    size_t count, struct err *err)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	int ret;

	if (!count)
		return 0;
	ret = image_writer_open(dir, kind, key, err, &w);
	if (!ret)
		ret = write_msgs(w, msgs, count, err);
	return ret ? ret : image_writer_close(&w, err);
}

int image_write_one(struct image_dir *dir, enum image_kind kind, uint64_t key, const void *msg,
		    struct err *err)
{
	return image_write_all(dir, kind, key, &msg, 1, err);
}

int image_write_service(int dirfd, enum image_kind kind, const void *msgs, size_t count,
			struct err *err)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	char name[IMAGE_NAME_SIZE], temporary[IMAGE_NAME_SIZE + 8];
	int ret;

	image_kind_file(kind, 0, name);
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	ret = image_writer_open_at(dirfd, temporary, kind, err, &w);
	if (ret)
		return ret;
	ret = write_msgs(w, msgs, count, err);
	if (!ret)
		ret = image_writer_close(&w, err);
	if (!ret && renameat(dirfd, temporary, dirfd, name)) {
		ret = -errno;
		err_set(err, ERR_IMAGE_WRITE, -ret, "can't rename %s to %s", temporary, name);
	}
	if (ret)
		unlinkat(dirfd, temporary, 0);
	return ret;
}
