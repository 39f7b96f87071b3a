/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an image: a header of one or two words, then {u32 length, packed message, payload} to the
 * end of the file. Reads are positioned, so that the descriptor's own offset never matters.
 */
#include "image/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/codec.h"
#include "image/internal.h"

#define BUFFER_SIZE (64 * 1024)

struct image_reader {
	int fd;
	enum image_kind kind;
	char name[IMAGE_NAME_SIZE];
	struct arena *a;
	uint64_t off, size;
	unsigned index; /* messages read so far */
	uint64_t buf_off;
	size_t buf_len, buf_size; /* filled; allocated: no more than the file has */
	char *own;		  /* the buffer, if it is ours */
	const char *buf;
	uint8_t *joined;	 /* a message that no buffer holds whole */
	bool unusual;		 /* a message was: enums may hold what they don't know */
	struct codec_same *same; /* of an image whose entries are alike, else NULL */
};

int image_corrupt(struct err *err, const char *image, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_add_image(err, image, err_set(err, ERR_IMAGE_CORRUPT, 0, "%s", text));
}

static int refill(struct image_reader *r, struct err *err)
{
	size_t want = r->size - r->off < r->buf_size ? r->size - r->off : r->buf_size;
	int ret = pread_full(r->fd, r->own, want, r->off);

	if (ret == -ENODATA)
		return image_corrupt(err, r->name, "the file became shorter while it was read");
	if (ret) {
		errno = -ret;
		return err_add_image(err, r->name,
				     err_sys(err, "pread", "can't read at byte %" PRIu64, r->off));
	}
	r->buf_off = r->off;
	r->buf_len = want;
	return 0;
}

/* The caller has made sure that len bytes are left. */
static int get_bytes(struct image_reader *r, void *buf, size_t len, struct err *err)
{
	while (len) {
		size_t at = r->off - r->buf_off, n;
		int ret;

		if (r->off < r->buf_off || at >= r->buf_len) {
			ret = refill(r, err);
			if (ret)
				return ret;
			at = 0;
		}
		n = r->buf_len - at < len ? r->buf_len - at : len;
		memcpy(buf, r->buf + at, n);
		buf = (char *)buf + n;
		r->off += n;
		len -= n;
	}
	return 0;
}

static int get_word(struct image_reader *r, struct err *err, uint32_t *ret_word)
{
	if (image_reader_left(r) < sizeof(*ret_word))
		return image_corrupt(err, r->name,
				     "the file ends inside of its header (%" PRIu64 " bytes)",
				     r->size);
	return get_bytes(r, ret_word, sizeof(*ret_word), err);
}

static int open_file(int dirfd, const char *path, struct arena *a, struct err *err,
		     struct image_reader **ret_reader)
{
	const char *slash = strrchr(path, '/');
	struct image_reader *r;
	struct stat st;

	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(err, "malloc", "can't read %s", path);
	r->a = a;
	snprintf(r->name, sizeof(r->name), "%s", slash ? slash + 1 : path);
	/* O_NONBLOCK: a fifo in place of an image must not hold us up. */
	r->fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &st)) {
		int ret = errno == ENOENT ? err_set(err, ERR_IMAGE_MISSING, ENOENT,
						    "the image %s is missing", r->name)
					  : err_sys(err, "openat", "can't open the image");

		err_add_image(err, r->name, ret);
		image_reader_close(r);
		return ret;
	}
	if (!S_ISREG(st.st_mode)) {
		int ret = image_corrupt(err, r->name, "it is not a regular file");

		image_reader_close(r);
		return ret;
	}
	r->size = st.st_size;
	r->buf_size = r->size < BUFFER_SIZE ? r->size : BUFFER_SIZE;
	r->buf = r->own = malloc(r->buf_size ? r->buf_size : 1);
	if (!r->own) {
		image_reader_close(r);
		return err_sys(err, "malloc", "can't read %s", path);
	}
	*ret_reader = r;
	return 0;
}

/* All of the file is in memory. */
static int open_kept(const struct listed_image *image, struct arena *a, struct err *err,
		     struct image_reader **ret_reader)
{
	struct image_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(err, "malloc", "can't read %s", image_kind_info(image->kind)->name);
	r->fd = -1;
	r->a = a;
	image_kind_file(image->kind, image->key, r->name);
	r->size = r->buf_len = image->size;
	r->buf = image->data;
	*ret_reader = r;
	return 0;
}

static int check_word(struct image_reader *r, uint32_t want, struct err *err)
{
	uint32_t word;
	int ret = get_word(r, err, &word);

	if (!ret && word != want)
		ret = image_corrupt(err, r->name,
				    "the word at byte %" PRIu64 " is %#x, a %s image has %#x there",
				    r->off - 4, word, image_kind_info(r->kind)->name, want);
	return ret;
}

static int check_header(struct image_reader *r, enum image_kind kind, unsigned version,
			struct err *err)
{
	const struct image_kind_info *info = image_kind_info(kind);
	int ret = 0;

	r->kind = kind;
	if (info->magic1 && !(version == 1 && info->magic1 == IMAGE_MAGIC_COMMON))
		ret = check_word(r, info->magic1, err);
	if (!ret && info->magic2)
		ret = check_word(r, info->magic2, err);
	return ret;
}

int image_reader_open_at(int dirfd, const char *name, enum image_kind kind, unsigned version,
			 struct arena *a, struct err *err, struct image_reader **ret_reader)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	int ret = open_file(dirfd, name, a, err, &r);

	if (!ret)
		ret = check_header(r, kind, version, err);
	if (!ret)
		*ret_reader = TAKE_PTR(r);
	return ret;
}

static int open_named(const struct image_dir *dir, enum image_kind kind, uint64_t key,
		      struct arena *a, struct err *err, struct image_reader **ret_reader)
{
	char name[IMAGE_NAME_SIZE];

	return image_reader_open_at(dir->set_fd, image_kind_file(kind, key, name), kind,
				    dir->version, a, err, ret_reader);
}

static int open_listed(const struct image_dir *dir, const struct listed_image *listed,
		       struct arena *a, struct err *err, struct image_reader **ret_reader)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	int ret;

	if (!listed->data)
		return open_named(dir, listed->kind, listed->key, a, err, ret_reader);
	ret = open_kept(listed, a, err, &r);
	if (!ret)
		ret = check_header(r, listed->kind, dir->version, err);
	if (!ret)
		*ret_reader = TAKE_PTR(r);
	return ret;
}

int image_reader_open(const struct image_dir *dir, enum image_kind kind, uint64_t key,
		      struct arena *a, struct err *err, struct image_reader **ret_reader)
{
	const struct listed_image *listed = dir->listing ? listing_find(dir->listing, kind, key)
							 : NULL;

	return listed ? open_listed(dir, listed, a, err, ret_reader)
		      : open_named(dir, kind, key, a, err, ret_reader);
}

/* Kinds that share a word are told apart by the name, when the name is one of theirs. */
static void refine_kind(struct image_reader *r)
{
	enum image_kind named;

	if (image_kind_by_file(r->name, &named, NULL) &&
	    image_kind_info(named)->magic1 == image_kind_info(r->kind)->magic1 &&
	    image_kind_info(named)->magic2 == image_kind_info(r->kind)->magic2)
		r->kind = named;
}

static bool kind_of_old(uint32_t word, enum image_kind *ret_kind)
{
	return image_kind_by_magic(IMAGE_MAGIC_COMMON, word, ret_kind);
}

int image_reader_open_file(int dirfd, const char *path, struct arena *a, struct err *err,
			   struct image_reader **ret_reader)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	uint32_t word1 = 0, word2 = 0;
	int ret = open_file(dirfd, path, a, err, &r);

	if (!ret)
		ret = get_word(r, err, &word1);
	if (ret)
		return ret;
	if (word1 == IMAGE_MAGIC_COMMON || word1 == IMAGE_MAGIC_SERVICE) {
		ret = get_word(r, err, &word2);
		if (ret)
			return ret;
	}
	if (!image_kind_by_magic(word1, word2, &r->kind) && !kind_of_old(word1, &r->kind))
		return image_corrupt(err, r->name,
				     "unknown magic %#x %#x: it is no image, or a raw one", word1,
				     word2);
	refine_kind(r);
	*ret_reader = TAKE_PTR(r);
	return 0;
}

enum image_kind image_reader_kind(const struct image_reader *r)
{
	return r->kind;
}

const char *image_reader_name(const struct image_reader *r)
{
	return r->name;
}

unsigned image_reader_index(const struct image_reader *r)
{
	return r->index;
}

uint64_t image_reader_offset(const struct image_reader *r)
{
	return r->off;
}

uint64_t image_reader_left(const struct image_reader *r)
{
	return r->size > r->off ? r->size - r->off : 0;
}

int image_reader_fd(const struct image_reader *r)
{
	return r->fd;
}

int image_decode(struct image_reader *r, const struct message_type *desc, const uint8_t *data,
		 uint32_t len, struct arena *a, struct err *err, ProtobufCMessage **ret_msg)
{
	struct codec_fault fault;

	if (codec_unpack(desc, data, len, a, r->same, &fault, ret_msg))
		return image_corrupt(err, r->name,
				     "entry %u (%s), field %s, at byte %" PRIu64 ": %s",
				     r->index - 1, message_name(desc),
				     fault.field[0] ? fault.field : "unknown",
				     r->off - len + fault.offset, fault.why);
	r->unusual |= !fault.plain;
	return 0;
}

/* Where len bytes are, if the buffer has them all; else they are copied together. */
static int find_bytes(struct image_reader *r, uint32_t len, struct err *err,
		      const uint8_t **ret_data)
{
	size_t at = r->off - r->buf_off;

	if (r->off >= r->buf_off && at <= r->buf_len && len <= r->buf_len - at) {
		*ret_data = (const uint8_t *)r->buf + at;
		r->off += len;
		return 0;
	}
	free(r->joined);
	r->joined = malloc(len ? len : 1);
	if (!r->joined)
		return err_sys(err, "malloc", "can't read a message of %u bytes", len);
	*ret_data = r->joined;
	return get_bytes(r, r->joined, len, err);
}

int image_next(struct image_reader *r, struct err *err, const uint8_t **ret_data, uint32_t *ret_len)
{
	uint64_t start = r->off;
	uint32_t len;
	int ret;

	*ret_data = NULL;
	if (!image_reader_left(r))
		return 0;
	if (image_reader_left(r) < sizeof(len))
		return image_corrupt(err, r->name,
				     "the file ends inside of the length of entry %u, "
				     "at byte %" PRIu64,
				     r->index, start);
	ret = get_bytes(r, &len, sizeof(len), err);
	if (ret)
		return ret;
	if (len > image_reader_left(r) || len > IMAGE_MESSAGE_MAX)
		return image_corrupt(err, r->name,
				     "entry %u at byte %" PRIu64 " has a length of %u,"
				     " there are %" PRIu64 " bytes left",
				     r->index, start, len, image_reader_left(r));
	ret = find_bytes(r, len, err, ret_data);
	*ret_len = len;
	r->index += !ret;
	return ret;
}

int image_read_msg(struct image_reader *r, const struct message_type *desc, struct err *err,
		   ProtobufCMessage **ret_msg)
{
	const struct image_kind_info *info = image_kind_info(r->kind);
	const uint8_t *data;
	uint32_t len;
	int ret;

	*ret_msg = NULL;
	if (!desc)
		desc = r->index && info->next ? info->next : info->first;
	if (!desc)
		return 0;
	ret = image_next(r, err, &data, &len);
	if (ret || !data)
		return ret;
	ret = image_decode(r, desc, data, len, r->a, err, ret_msg);
	r->index -= ret != 0; /* it is not read */
	return ret;
}

static int check_left(struct image_reader *r, uint64_t len, struct err *err)
{
	if (len <= image_reader_left(r))
		return 0;
	return image_corrupt(err, r->name,
			     "entry %u at byte %" PRIu64 " should have %" PRIu64
			     " bytes of data, there are %" PRIu64 " bytes left",
			     r->index ? r->index - 1 : 0, r->off, len, image_reader_left(r));
}

int image_read_raw(struct image_reader *r, void *buf, size_t len, struct err *err)
{
	int ret = check_left(r, len, err);

	return ret ? ret : get_bytes(r, buf, len, err);
}

int image_skip_raw(struct image_reader *r, uint64_t len, struct err *err)
{
	int ret = check_left(r, len, err);

	r->off += ret ? 0 : len;
	return ret;
}

static uint64_t round_up(uint64_t len, uint64_t multiple)
{
	return (len + multiple - 1) / multiple * multiple;
}

/* All lengths are 32 bits wide or the shm size, which check_left holds against the file first. */
static uint64_t payload_of(const struct image_reader *r, const ProtobufCMessage *msg,
			   uint64_t *ret_padded)
{
	const struct message_type *d = msg->descriptor;
	uint64_t len = 0, multiple = 1;

	if (d == &pipe_data_entry__descriptor) {
		len = ((const PipeDataEntry *)msg)->bytes;
	} else if (d == &sk_packet_entry__descriptor) {
		len = ((const SkPacketEntry *)msg)->length;
	} else if (d == &bpfmap_data_entry__descriptor) {
		len = (uint64_t)((const BpfmapDataEntry *)msg)->keys_bytes +
		      ((const BpfmapDataEntry *)msg)->values_bytes;
	} else if (d == &tcp_stream_entry__descriptor) {
		len = (uint64_t)((const TcpStreamEntry *)msg)->inq_len +
		      ((const TcpStreamEntry *)msg)->outq_len;
	} else if (d == &ghost_file_entry__descriptor) {
		const GhostFileEntry *g = (const GhostFileEntry *)msg;

		len = g->has_chunks && g->chunks ? 0 : image_reader_left(r);
	} else if (d == &ghost_chunk_entry__descriptor) {
		len = ((const GhostChunkEntry *)msg)->len;
	} else if (d == &ipc_shm_entry__descriptor) {
		const IpcShmEntry *s = (const IpcShmEntry *)msg;

		len = s->has_in_pagemaps && s->in_pagemaps ? 0 : s->size;
		multiple = 4;
	} else if (d == &ipc_sem_entry__descriptor) {
		len = (uint64_t)((const IpcSemEntry *)msg)->nsems * 2;
		multiple = 8;
	} else if (d == &ipc_msg__descriptor) {
		len = ((const IpcMsg *)msg)->msize;
		multiple = 8;
	}
	*ret_padded = len > INT64_MAX ? len : round_up(len, multiple);
	return len;
}

int image_payload_length(struct image_reader *r, const ProtobufCMessage *msg, struct err *err,
			 uint64_t *ret_len, uint64_t *ret_padded)
{
	uint64_t padded, len = payload_of(r, msg, &padded);
	int ret = check_left(r, padded, err);

	if (ret)
		return ret;
	*ret_len = len;
	*ret_padded = padded;
	return 0;
}

void image_reader_close(struct image_reader *r)
{
	if (!r)
		return;
	close_fd(&r->fd);
	free(r->own);
	free(r->joined);
	free(r);
}

/* --- whole images ----------------------------------------------------------------------------- */

/* A single message must be the whole file, but for its payload. */
static int read_single(struct image_reader *r, struct err *err, ProtobufCMessage **ret_msg)
{
	int ret = image_read_msg(r, NULL, err, ret_msg);

	if (ret)
		return ret;
	if (!*ret_msg)
		return image_corrupt(err, r->name, "it holds no entry, but ends at byte %" PRIu64,
				     r->off);
	if (image_kind_info(r->kind)->payload == PAYLOAD_NONE && image_reader_left(r))
		return image_corrupt(err, r->name,
				     "%" PRIu64 " bytes follow the only entry, at byte %" PRIu64,
				     image_reader_left(r), r->off);
	return 0;
}

static int read_many(struct image_reader *r, struct err *err, void *ret_msgs, size_t *ret_count)
{
	ProtobufCMessage **msgs = NULL, *msg;
	size_t n = 0;
	int ret;

	for (;;) {
		ret = image_read_msg(r, NULL, err, &msg);
		if (ret)
			return ret;
		if (!msg)
			break;
		arena_push(r->a, msgs, n, msg);
	}
	*(ProtobufCMessage ***)ret_msgs = msgs;
	*ret_count = n;
	return 0;
}

/* A message with its payload; both have to be all of the file, of which the bytes are there. */
static int decode_with_payload(struct image_reader *r, struct listed_image *image, struct err *err)
{
	ProtobufCMessage *msg;
	uint64_t len, padded;
	int ret = read_single(r, err, &msg);

	if (!ret)
		ret = image_payload_length(r, msg, err, &len, &padded);
	if (ret)
		return ret;
	if (!image->data || padded != image_reader_left(r))
		return image_corrupt(err, r->name, "it does not end behind its only entry");
	image->payload = image->data + r->off;
	image->msgs = arena_memdup(r->a, &msg, sizeof(msg));
	image->n_msgs = 1;
	return 0;
}

int image_decode_listed(const struct image_dir *dir, struct listed_image *image, struct arena *a,
			struct err *err)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	struct codec_same same = { 0 };
	int ret = open_listed(dir, image, a, err, &r);

	if (!ret && image->kind == IMAGE_FILES)
		r->same = &same;
	if (!ret && image_kind_info(image->kind)->payload != PAYLOAD_NONE)
		ret = decode_with_payload(r, image, err);
	else if (!ret)
		ret = read_many(r, err, &image->msgs, &image->n_msgs);
	image->decoded = !ret;
	image->plain = !ret && !r->unusual;
	return ret;
}

static struct listed_image *find_kept(const struct image_dir *dir, enum image_kind kind,
				      uint64_t key)
{
	struct listed_image *found = dir->listing ? listing_find(dir->listing, kind, key) : NULL;

	/* All of the restore asks for the list of files, however long it is. */
	return found && (found->data || kind == IMAGE_FILES) ? found : NULL;
}

bool image_is_decoded(const struct image_dir *dir, enum image_kind kind, uint64_t key)
{
	const struct listed_image *kept = find_kept(dir, kind, key);

	return kept && kept->decoded;
}

bool image_is_plain(const struct image_dir *dir, enum image_kind kind, uint64_t key)
{
	const struct listed_image *kept = find_kept(dir, kind, key);

	return kept && kept->plain;
}

int image_read_all(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msgs, size_t *ret_count)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	struct listed_image *kept = find_kept(dir, kind, key);
	int ret;

	*(ProtobufCMessage ***)ret_msgs = NULL;
	*ret_count = 0;
	if (!image_dir_has(dir, kind, key))
		return 0;
	if (!kept) {
		ret = image_reader_open(dir, kind, key, a, err, &r);
		return ret ? ret : read_many(r, err, ret_msgs, ret_count);
	}
	ret = kept->decoded ? 0 : image_decode_listed(dir, kept, dir->listing->records, err);
	if (ret)
		return ret;
	*(ProtobufCMessage ***)ret_msgs = kept->msgs;
	*ret_count = kept->n_msgs;
	return 0;
}

int image_read_one(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msg)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	struct listed_image *kept = find_kept(dir, kind, key);
	ProtobufCMessage *msg;
	int ret;

	if (kept && kept->decoded && kept->n_msgs == 1) {
		*(ProtobufCMessage **)ret_msg = kept->msgs[0];
		return 0;
	}
	ret = image_reader_open(dir, kind, key, kept ? dir->listing->records : a, err, &r);
	if (!ret)
		ret = read_single(r, err, &msg);
	if (ret)
		return ret;
	if (kept) {
		kept->msgs = arena_memdup(dir->listing->records, &msg, sizeof(msg));
		kept->n_msgs = 1;
		kept->decoded = true;
		kept->plain = !r->unusual;
	}
	*(ProtobufCMessage **)ret_msg = msg;
	return 0;
}

int image_read_opt(const struct image_dir *dir, enum image_kind kind, uint64_t key, struct arena *a,
		   struct err *err, void *ret_msg)
{
	if (image_dir_has(dir, kind, key))
		return image_read_one(dir, kind, key, a, err, ret_msg);
	*(ProtobufCMessage **)ret_msg = NULL;
	return 0;
}

int image_read_with_payload(const struct image_dir *dir, enum image_kind kind, uint64_t key,
			    struct arena *a, struct err *err, void *ret_msg,
			    const char **ret_payload, uint64_t *ret_len)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	struct listed_image *kept = find_kept(dir, kind, key);
	ProtobufCMessage *msg;
	uint64_t padded;
	int ret;

	*ret_payload = NULL;
	if (kept && kept->decoded) {
		*(ProtobufCMessage **)ret_msg = kept->msgs[0];
		*ret_payload = kept->payload;
		*ret_len = kept->data + kept->size - kept->payload;
		return 0;
	}
	ret = image_reader_open(dir, kind, key, a, err, &r);
	if (!ret)
		ret = read_single(r, err, &msg);
	if (!ret)
		ret = image_payload_length(r, msg, err, ret_len, &padded);
	if (!ret)
		*(ProtobufCMessage **)ret_msg = msg;
	return ret;
}

int image_read_service(int dirfd, enum image_kind kind, struct arena *a, struct err *err,
		       void *ret_msgs, size_t *ret_count)
{
	_cleanup_image_reader_ struct image_reader *r = NULL;
	char name[IMAGE_NAME_SIZE];
	int ret;

	image_kind_file(kind, 0, name);
	if (faccessat(dirfd, name, F_OK, 0) && errno == ENOENT) {
		*(ProtobufCMessage ***)ret_msgs = NULL;
		*ret_count = 0;
		return 0;
	}
	ret = image_reader_open_at(dirfd, name, kind, 2, a, err, &r);
	return ret ? ret : read_many(r, err, ret_msgs, ret_count);
}
