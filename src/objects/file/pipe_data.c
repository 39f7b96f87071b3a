/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in pipes and fifos. The kernel has one ring of buffers a pipe (struct
 * pipe_inode_info), whichever end it is reached by: all ends of one pipe share an entry here, known
 * by device and inode.
 *
 * Dump: tee(2) copies the ring into a pipe of the tool's, and nothing is taken from the task's.
 * Reads from the copy end where a packet ends (PIPE_BUF_FLAG_PACKET, set by writes with O_DIRECT;
 * tee keeps the flag), which is how the bounds of packets are found; a byte put behind them tells
 * whether the last ones are a packet. CRIU's image has only bytes, so the bounds go to
 * crtools-files.img.
 *
 * Restore: the ring gets its size first (F_SETPIPE_SZ), then the bytes by write(2), which fills
 * whole pages: what was in the ring fits in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "image/reader.h"
#include "image/writer.h"
#include "kernel/pidfd.h"
#include "objects/file/file.h"

#define BLOCK (64u << 10)

/* --- dump -------------------------------------------------------------------------------------- */

struct pipes_out {
	struct pipe_out **pipes;
	size_t n, n_examined;
	struct hash by_inode, ids;
	int copy[2]; /* the tool's own pipe */
	uint32_t copy_size;
	char *buf;
	size_t buf_size;
};

static void pipes_out_drop(void *data)
{
	struct pipes_out *out = data;

	close_fd(&out->copy[0]);
	close_fd(&out->copy[1]);
	free(out->buf);
	hash_free(&out->by_inode);
	hash_free(&out->ids);
}

static struct pipes_out *pipes_out_of(struct dump *d, enum state_slot slot)
{
	struct pipes_out *out = d->priv[slot];

	if (!out) {
		out = arena_new(dump_arena(d), struct pipes_out);
		out->copy[0] = out->copy[1] = -1;
		d->priv[slot] = out;
		undo_push(&d->s->owned, pipes_out_drop, out);
	}
	return out;
}

/* The inode's number, unless two fifos on different file systems have the same. */
static uint32_t unique_id(struct pipes_out *out, struct pipe_out *po)
{
	uint32_t id = po->ino;

	while (!id || hash_get(&out->ids, id))
		id++;
	hash_put(&out->ids, id, po);
	return id;
}

/* For the size that check -t foretells: what waits in the pipe now, and the image for all of them. */
static void foretell(struct dump *d, const struct pipes_out *out, const struct file_probe *p)
{
	int bytes;

	if (!d->examining || ioctl(probe_local(p), FIONREAD, &bytes) < 0)
		return;
	d->content_bytes += (out->n ? 0 : IMAGE_BLOCK) + (uint64_t)bytes;
}

int pipe_data_note(struct dump *d, enum state_slot slot, const struct file_probe *p,
		   uint32_t *ret_id)
{
	struct pipes_out *out = pipes_out_of(d, slot);
	uint64_t key = hash_mix(p->stat.st_dev, p->stat.st_ino);
	int mode = p->info.flags & O_ACCMODE;
	struct pipe_out *po;

	for (; (po = hash_get(&out->by_inode, key)); key++)
		if (po->dev == p->stat.st_dev && po->ino == p->stat.st_ino)
			break;
	if (!po) {
		po = arena_new(dump_arena(d), struct pipe_out);
		po->dev = p->stat.st_dev;
		po->ino = p->stat.st_ino;
		po->id = unique_id(out, po);
		hash_put(&out->by_inode, key, po);
		foretell(d, out, p);
		arena_push(dump_arena(d), out->pipes, out->n, po);
	}
	if (!po->task || (!po->readable && mode != O_WRONLY)) {
		po->task = p->task;
		po->fd = p->fd;
		po->readable = mode != O_WRONLY;
	}
	po->read_end |= mode != O_WRONLY;
	po->write_end |= mode != O_RDONLY;
	*ret_id = po->id;
	return 0;
}

/* An end of the task's pipe in the tool. Reading needs a reading end: another one is opened through
 * /proc where the tree has none. That is seen by nobody but a process that waits in open(2) for a
 * reader. */
static int readable_end(struct dump *d, const struct pipe_out *po)
{
	char magic[32];

	snprintf(magic, sizeof(magic), "fd/%d", po->fd);
	return proc_openat(&po->task->stop->proc, magic, O_RDONLY | O_NONBLOCK, dump_err(d));
}

static int make_room(struct dump *d, struct pipes_out *out, uint32_t size, uint32_t bytes)
{
	if (out->copy[0] < 0) {
		if (pipe2(out->copy, O_CLOEXEC | O_NONBLOCK) < 0)
			return err_sys(dump_err(d), "pipe2", "can't make a pipe");
		out->copy_size = fcntl(out->copy[1], F_GETPIPE_SZ);
	}
	if (out->copy_size < size) {
		if (fcntl(out->copy[1], F_SETPIPE_SZ, size) < 0)
			return err_sys(dump_err(d), "fcntl",
				       "can't make a pipe as large as the task's (%u bytes)", size);
		out->copy_size = size;
	}
	if (out->buf_size > bytes)
		return 0;
	free(out->buf);
	out->buf_size = 0;
	out->buf = malloc(bytes + 1);
	if (!out->buf)
		return err_set(dump_err(d), ERR_RESOURCE, ENOMEM,
			       "no memory for a pipe's contents");
	out->buf_size = bytes + 1;
	return 0;
}

static void note_packets(struct dump *d, enum state_slot slot, uint32_t id, const uint32_t *len,
			 size_t n)
{
	struct arena *a = dump_arena(d);
	CrtoolsFileEntry *x = extras_add(d);

	x->pipe = arena_msg(a, CrtoolsPipe, crtools_pipe);
	x->pipe->has_pipe_id = x->pipe->has_fifo = true;
	x->pipe->pipe_id = id;
	x->pipe->fifo = slot == SLOT_FIFO;
	x->pipe->packet = arena_memdup(a, len, n * sizeof(*len));
	x->pipe->n_packet = n;
}

/* Empties the copy into the buffer, and finds where reads end. A full ring has no room for the mark
 * before something was read; one that is read as a whole then is a stream. */
static int drain(struct dump *d, enum state_slot slot, struct pipes_out *out, uint32_t id,
		 size_t total)
{
	uint32_t *packets = NULL;
	size_t n = 0, at = 0;
	bool marked = false;

	while (at < total || marked) {
		ssize_t got;
		uint32_t len;

		marked = marked || write(out->copy[1], "", 1) == 1;
		got = read(out->copy[0], out->buf + at, total + 1 - at);
		if (got <= 0)
			return err_sys(dump_err(d), "read", "can't read the copy of a pipe");
		at += got;
		len = got;
		if (at > total)
			break;
		if (marked || at < total)
			arena_push(dump_arena(d), packets, n, len);
	}
	if (n)
		note_packets(d, slot, id, packets, n);
	return 0;
}

/* poll(2) tells whether the other end is open at all: where the tree does not have it, somebody
 * else has. */
static void warn_outside(struct dump *d, enum state_slot slot, const struct pipe_out *po, int end)
{
	struct pollfd one = { .fd = end };

	if (slot != SLOT_PIPE || (po->read_end && po->write_end) || poll(&one, 1, 0) < 0)
		return;
	if (!(one.revents & (POLLHUP | POLLERR)))
		task_warn(
			po->task,
			arena_printf(dump_arena(d), "descriptor %d (pipe:[%u])", po->fd, po->id),
			"the pipe's other end is outside of the tree: after the restore it is broken",
			arena_printf(dump_arena(d),
				     "give --inherit-fd 'fd[N]:pipe:[%u]' to restore", po->id));
}

int pipe_data_examine(struct dump *d)
{
	struct pipes_out *out = d->priv[SLOT_PIPE];

	for (; out && out->n_examined < out->n; out->n_examined++) {
		struct pipe_out *po = out->pipes[out->n_examined];
		_cleanup_fd_ int end = pidfd_get(po->task->stop->pidfd, po->fd, NULL);

		if (end >= 0)
			warn_outside(d, SLOT_PIPE, po, end);
	}
	return 0;
}

static int peek(struct dump *d, enum state_slot slot, struct pipes_out *out, struct pipe_out *po,
		PipeDataEntry *e)
{
	_cleanup_fd_ int end = pidfd_get(po->task->stop->pidfd, po->fd, dump_err(d));
	ssize_t total;
	int size, bytes, ret;

	if (end < 0)
		return end;
	size = fcntl(end, F_GETPIPE_SZ);
	if (size < 0 || ioctl(end, FIONREAD, &bytes) < 0)
		return err_sys(dump_err(d), "ioctl", "can't examine the pipe %u", po->id);
	e->has_size = true;
	e->size = size;
	warn_outside(d, slot, po, end);
	if (!bytes)
		return 0;
	if (!po->readable) {
		close_fd(&end);
		end = readable_end(d, po);
		if (end < 0)
			return end;
	}
	ret = make_room(d, out, size, bytes);
	if (ret < 0)
		return ret;
	total = tee(end, out->copy[1], bytes, SPLICE_F_NONBLOCK);
	if (total < 0 && errno != EAGAIN)
		return err_sys(dump_err(d), "tee", "can't copy the pipe %u", po->id);
	if (total <= 0) /* a process outside has taken it */
		return 0;
	e->bytes = total;
	return drain(d, slot, out, po->id, e->bytes);
}

static int write_pipes(struct dump *d, enum state_slot slot, struct pipes_out *out,
		       struct image_writer *w)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < out->n; i++) {
		PipeDataEntry e = PIPE_DATA_ENTRY__INIT;

		e.pipe_id = out->pipes[i]->id;
		ret = peek(d, slot, out, out->pipes[i], &e);
		if (ret == 0)
			ret = image_write_msg(w, &e.base, dump_err(d));
		if (ret == 0 && e.bytes)
			ret = image_write_raw(w, out->buf, e.bytes, dump_err(d));
	}
	return ret;
}

int pipe_data_write(struct dump *d, enum state_slot slot)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	struct pipes_out *out = d->priv[slot];
	int ret;

	if (!out || !out->n)
		return 0;
	ret = image_writer_open(d->s->images,
				slot == SLOT_PIPE ? IMAGE_PIPES_DATA : IMAGE_FIFO_DATA, 0,
				dump_err(d), &w);
	if (ret == 0)
		ret = write_pipes(d, slot, out, w);
	if (ret == 0)
		ret = image_writer_close(&w, dump_err(d));
	return ret;
}

/* --- restore -------------------------------------------------------------------------------------
 */

struct pipes_in {
	struct hash by_id;
	int image; /* -1: there is none */
	bool serviced;
};

static int read_entries(struct restore *r, struct image_reader *in, struct pipes_in *pipes)
{
	ProtobufCMessage *msg;
	int ret;

	while ((ret = image_read_msg(in, NULL, restore_err(r), &msg)) == 0 && msg) {
		const PipeDataEntry *e = (PipeDataEntry *)msg;
		struct pipe_in *pi = arena_new(restore_arena(r), struct pipe_in);

		*pi = (struct pipe_in){ .id = e->pipe_id,
					.bytes = e->bytes,
					.size = e->size,
					.offset = image_reader_offset(in),
					.spare = { -1, -1 },
					.inherited = -1 };
		if (hash_get(&pipes->by_id, pi->id) || pi->size >= PIPE_SIZE_MAX ||
		    (e->has_size && pi->bytes > pi->size))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "%s: the entry of pipe %u makes no sense (%u bytes in %u)",
				       image_reader_name(in), pi->id, pi->bytes, pi->size);
		hash_put(&pipes->by_id, pi->id, pi);
		ret = image_skip_raw(in, e->bytes, restore_err(r));
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int take_packets(struct restore *r, struct pipes_in *pipes, enum state_slot slot)
{
	CrtoolsFileEntry **extra;
	size_t n;
	int ret = extras_read(r, &extra, &n);

	for (size_t i = 0; ret == 0 && i < n; i++) {
		const CrtoolsPipe *x = extra[i]->pipe;
		struct pipe_in *pi = x && x->fifo == (slot == SLOT_FIFO)
					     ? hash_get(&pipes->by_id, x->pipe_id)
					     : NULL;
		uint64_t sum = 0;

		for (size_t k = 0; pi && k < x->n_packet; k++)
			sum += x->packet[k];
		if (pi && sum <= pi->bytes)
			pi->packets = x;
		else if (pi)
			report_warn(
				&r->s->report, 0, arena_printf(restore_arena(r), "pipe %u", pi->id),
				"the bounds of its packets do not fit its bytes; they are left out",
				"");
	}
	return ret;
}

static void pipes_in_drop(void *data)
{
	struct pipes_in *pipes = data;

	close_fd(&pipes->image);
	hash_free(&pipes->by_id);
}

static int load(struct restore *r, enum state_slot slot, struct pipes_in *pipes)
{
	_cleanup_image_reader_ struct image_reader *in = NULL;
	enum image_kind kind = slot == SLOT_PIPE ? IMAGE_PIPES_DATA : IMAGE_FIFO_DATA;
	int ret;

	if (!image_dir_has(r->s->images, kind, 0))
		return 0;
	ret = image_reader_open(r->s->images, kind, 0, restore_arena(r), restore_err(r), &in);
	if (ret == 0)
		ret = read_entries(r, in, pipes);
	if (ret == 0)
		ret = take_packets(r, pipes, slot);
	if (ret < 0)
		return ret;
	pipes->image = fcntl(image_reader_fd(in), F_DUPFD_CLOEXEC, 0);
	return pipes->image < 0 ? err_sys(restore_err(r), "fcntl", "can't keep an image open") : 0;
}

static int pipes_in_of(struct restore *r, enum state_slot slot, struct pipes_in **ret)
{
	struct pipes_in *pipes = r->priv[slot];

	*ret = pipes;
	if (pipes)
		return 0;
	*ret = pipes = arena_new(restore_arena(r), struct pipes_in);
	pipes->image = -1;
	r->priv[slot] = pipes;
	undo_push(&r->s->owned, pipes_in_drop, pipes);
	return load(r, slot, pipes);
}

int pipe_data_join(struct restore *r, enum state_slot slot, uint32_t id, struct restore_file *f,
		   struct pipe_in **ret)
{
	struct pipes_in *pipes;
	struct pipe_in *pi;
	int err = pipes_in_of(r, slot, &pipes);

	if (err < 0)
		return err;
	pi = hash_get(&pipes->by_id, id);
	if (!pi) { /* an image without contents is whole all the same */
		pi = arena_new(restore_arena(r), struct pipe_in);
		*pi = (struct pipe_in){ .id = id, .spare = { -1, -1 }, .inherited = -1 };
		hash_put(&pipes->by_id, id, pi);
	}
	if (pi->n_ends)
		restore_group(r, pi->ends[0], f);
	arena_push(restore_arena(r), pi->ends, pi->n_ends, f);
	*ret = pi;
	return 0;
}

int pipe_data_prepare(struct restore *r, enum state_slot slot)
{
	struct pipes_in *pipes = r->priv[slot];

	if (!pipes || pipes->serviced || pipes->image < 0)
		return 0;
	pipes->serviced = true;
	pipes->image = service_fd(r, pipes->image);
	return pipes->image < 0 ? pipes->image : 0;
}

static int set_size(struct restore_task *t, const struct pipe_in *pi, int fd)
{
	if (!pi->size || fcntl(fd, F_GETPIPE_SZ) == (int)pi->size)
		return 0;
	if (fcntl(fd, F_SETPIPE_SZ, pi->size) >= 0)
		return 0;
	return err_sys(
		restore_err(t->r), "fcntl",
		"can't give the pipe %u its size, %u bytes (see /proc/sys/fs/pipe-max-size and pipe-user-pages-soft)",
		pi->id, pi->size);
}

/* Without waiting: what does not fit was never in there. */
static int put(struct restore_task *t, const struct pipe_in *pi, int fd, const char *buf,
	       size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(restore_err(t->r), "write",
				       "the contents of pipe %u do not fit into it", pi->id);
		buf += n;
		len -= n;
	}
	return 0;
}

static int copy_stream(struct restore_task *t, const struct pipe_in *pi, int image, int fd,
		       uint64_t at, uint64_t end)
{
	_cleanup_free_ char *buf = malloc(BLOCK);

	while (buf && at < end) {
		ssize_t n = pread(image, buf, end - at < BLOCK ? end - at : BLOCK, pi->offset + at);
		int ret;

		if (n <= 0)
			return err_sys(restore_err(t->r), "pread",
				       "can't read the contents of pipe %u", pi->id);
		ret = put(t, pi, fd, buf, n);
		if (ret < 0)
			return ret;
		at += n;
	}
	return buf ? 0
		   : err_set(restore_err(t->r), ERR_RESOURCE, ENOMEM,
			     "no memory for a pipe's contents");
}

/* One read's worth: at most a page of it can be the packet, what is before it was written without
 * bounds. */
static int copy_packet(struct restore_task *t, const struct pipe_in *pi, int image, int fd,
		       int flags, uint64_t at, uint32_t len)
{
	uint32_t before = len ? (len - 1) / PIPE_BUF * PIPE_BUF : 0;
	int ret = copy_stream(t, pi, image, fd, at, at + before);

	if (ret == 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
		ret = err_sys(restore_err(t->r), "fcntl", "can't turn on packet mode for pipe %u",
			      pi->id);
	if (ret == 0)
		ret = copy_stream(t, pi, image, fd, at + before, at + len);
	fcntl(fd, F_SETFL, flags);
	return ret;
}

static int copy_packets(struct restore_task *t, const struct pipe_in *pi, int image, int fd)
{
	int flags = fcntl(fd, F_GETFL), ret = 0;
	uint64_t at = 0;

	for (size_t i = 0; ret == 0 && i < pi->packets->n_packet; i++) {
		ret = copy_packet(t, pi, image, fd, flags, at, pi->packets->packet[i]);
		at += pi->packets->packet[i];
	}
	return ret < 0 ? ret : copy_stream(t, pi, image, fd, at, pi->bytes);
}

int pipe_data_fill(struct restore_task *t, enum state_slot slot, const struct pipe_in *pi, int fd)
{
	const struct pipes_in *pipes = t->r->priv[slot];
	int ret = set_size(t, pi, fd);

	if (ret < 0 || !pi->bytes)
		return ret;
	return pi->packets ? copy_packets(t, pi, pipes->image, fd)
			   : copy_stream(t, pi, pipes->image, fd, 0, pi->bytes);
}
