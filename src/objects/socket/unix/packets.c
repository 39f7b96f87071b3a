/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of unix sockets' queues, from sk-queues.img. Each message is sent again, by the socket
 * that sent it, if the tree has that still, else by one that is made for it and has its address.
 * Nothing is read by the tree meanwhile, so what is sent has to fit: the sender's buffer is made as
 * large as it takes, and gets its size back from its options afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/pack.h"
#include "image/reader.h"
#include "objects/socket/unix/unix.h"

#define MESSAGE_MAX (INT32_MAX / 4) /* what a send buffer can have */
#define LITTLE	    128		    /* bytes of a message that are kept until they are sent */
#define OVERHEAD    8192	    /* of a message, in the kernel's accounts, at most */

/* --- before the fork -----------------------------------------------------------------------------
 */

static int take_rights(struct restore *r, struct unix_in *u, struct unix_packet_in *k)
{
	const ScmEntry *scm = k->e->n_scm ? k->e->scm[0] : NULL;

	if (!scm)
		return 0;
	if (k->e->n_scm != 1 || scm->type != SCM_RIGHTS || scm->n_rights > UNIX_RIGHTS_MAX)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "sk-queues.img: a message for %s carries what none can", u->object);
	k->rights = arena_array(restore_arena(r), struct restore_file *, scm->n_rights);
	for (; k->n_rights < scm->n_rights; k->n_rights++) {
		struct restore_file *f = restore_file_by_id(r, scm->rights[k->n_rights]);

		if (!f)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "sk-queues.img: a message for %s carries file %u, which is "
				       "not in files.img",
				       u->object, scm->rights[k->n_rights]);
		k->rights[k->n_rights] = f;
		restore_group(r, u->file, f);
	}
	return 0;
}

/* A few bytes are read with the message, and not by a call of their own later. */
static int take_data(struct restore *r, struct image_reader *in, uint32_t len,
		     const char **ret_data)
{
	char *data;
	int ret;

	if (len > LITTLE)
		return image_skip_raw(in, len, restore_err(r));
	data = arena_alloc(restore_arena(r), len + 1);
	ret = image_read_raw(in, data, len, restore_err(r));
	*ret_data = data;
	return ret;
}

static int take_packet(struct restore *r, SkPacketEntry *e, struct image_reader *in)
{
	struct restore_file *f = restore_file_by_id(r, e->id_for);
	struct unix_in *u = f && f->entry->type == FD_TYPES__UNIXSK ? f->priv : NULL;
	struct unix_packet_in k = { .e = e, .offset = image_reader_offset(in) };
	int ret;

	if (!u || u->e->state == UNIX_LISTEN || u->e->uflags & UNIX_EXTERN)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "sk-queues.img: a message is for file %u, which has no queue",
			       e->id_for);
	if (e->length > MESSAGE_MAX)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "sk-queues.img: a message for %s has %u bytes, more than a socket "
			       "takes",
			       u->object, e->length);
	for (size_t i = 0; u->x && i < u->x->n_packet; i++)
		if (u->x->packet[i]->index == u->n_packets)
			k.x = u->x->packet[i];
	if (k.x && k.x->has_sender && (!k.x->sender.len || k.x->sender.len > UNIX_NAME_MAX + 1))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: a message for %s has a sender that none can be",
			       u->object);
	ret = take_data(r, in, e->length, &k.data);
	if (ret < 0)
		return ret;
	arena_push(restore_arena(r), u->packets, u->n_packets, k);
	return take_rights(r, u, &u->packets[u->n_packets - 1]);
}

int unix_packets_load(struct restore *r, struct unix_restore *x)
{
	_cleanup_image_reader_ struct image_reader *in = NULL;
	ProtobufCMessage *msg;
	int ret;

	if (!image_dir_has(r->s->images, IMAGE_SK_QUEUES, 0))
		return 0;
	ret = image_reader_open(r->s->images, IMAGE_SK_QUEUES, 0, restore_arena(r), restore_err(r),
				&in);
	while (ret == 0 && (ret = image_read_msg(in, NULL, restore_err(r), &msg)) == 0 && msg) {
		ret = take_packet(r, (SkPacketEntry *)msg, in);
	}
	if (ret < 0)
		return ret;
	x->queues = fcntl(image_reader_fd(in), F_DUPFD_CLOEXEC, 0);
	return x->queues < 0 ? err_sys(restore_err(r), "fcntl", "can't keep an image open") : 0;
}

int unix_packets_prepare(struct restore *r, struct unix_restore *x)
{
	if (x->queues < 0)
		return 0;
	x->queues = service_fd(r, x->queues);
	return x->queues < 0 ? x->queues : 0;
}

/* --- in the task ---------------------------------------------------------------------------------
 */

static bool has_name(const struct unix_in *u, const ProtobufCBinaryData *name)
{
	return u->e->name.len == name->len && !memcmp(u->e->name.data, name->data, name->len);
}

/* Who of the cluster has sent it? NULL: nobody who is still there. */
static struct unix_in *sender_of(const struct unix_in *u, const struct unix_packet_in *k)
{
	/* Only the other end of a connection can have, whoever else has its name. */
	if (unix_connects(u->e))
		return u->peer && u->peer->peer == u ? u->peer : u->mate;
	if (k->x && k->x->has_sender) {
		for (size_t i = 0; i < u->cluster->n; i++) {
			struct unix_in *s = u->cluster->members[i];

			if (s->e->type == u->e->type && has_name(s, &k->x->sender) &&
			    (!s->peer || s->peer == u))
				return s;
		}
		return NULL;
	}
	if (u->peer && u->peer->peer == u)
		return u->peer;
	if (u->mate)
		return u->mate;
	for (size_t i = 0; i < u->cluster->n; i++)
		if (u->cluster->members[i]->peer == u && !u->cluster->members[i]->e->name.len)
			return u->cluster->members[i];
	return NULL;
}

/* One that takes the place of a sender that has gone. */
static int make_sender(struct restore_task *t, const struct unix_in *u,
		       const struct unix_packet_in *k, int *ret_fd)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, u->e->type | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int file = -1;
	int ret = fd < 0 ? -errno : 0;

	if (ret == 0 && k->x && k->x->has_sender)
		ret = unix_bind_hidden(t, k->x->sender.data, k->x->sender.len, NULL, fd, &file);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static void set_room(int fd, int size)
{
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Returns what is to be set when the message is sent, or 0. */
static int make_room(int fd, const struct unix_in *sender, const struct unix_in *u)
{
	uint64_t need = 0;
	int size = sender ? (int)sender->e->opts->so_sndbuf : 0, want;

	for (size_t i = 0; i < u->n_packets; i++)
		need += 2ull * u->packets[i].e->length + OVERHEAD;
	if (need <= (uint64_t)size)
		return 0;
	size = socket_int(fd, SOL_SOCKET, SO_SNDBUF, 0);
	if (need <= (uint64_t)size)
		return 0;
	want = need > INT32_MAX / 2 ? INT32_MAX / 2 : need;
	if (sender)
		sender->file->resized = true;
	set_room(fd, want);
	return size / 2;
}

struct send_call {
	int fd;
	struct msghdr m;
	ssize_t sent;
};

static int call_send(void *arg)
{
	struct send_call *c = arg;

	c->sent = sendmsg(c->fd, &c->m, MSG_NOSIGNAL | MSG_DONTWAIT);
	return c->sent < 0 ? -errno : 0;
}

static size_t put_control(const struct unix_packet_in *k, char *control, size_t room)
{
	struct msghdr m = { .msg_control = control, .msg_controllen = room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	const CrtoolsCredentials *creds = k->x ? k->x->credentials : NULL;
	size_t used = 0;

	if (k->n_rights || creds)
		memset(control, 0, room);
	if (k->n_rights) {
		int *fds = (int *)CMSG_DATA(c);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(k->n_rights * sizeof(int));
		for (size_t i = 0; i < k->n_rights; i++)
			fds[i] = k->rights[i]->stage_fd;
		used += CMSG_SPACE(k->n_rights * sizeof(int));
		c = CMSG_NXTHDR(&m, c);
	}
	if (creds) {
		struct ucred u = { creds->pid, creds->uid, creds->gid };

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_CREDENTIALS;
		c->cmsg_len = CMSG_LEN(sizeof(u));
		memcpy(CMSG_DATA(c), &u, sizeof(u));
		used += CMSG_SPACE(sizeof(u));
	}
	return used;
}

static int send_packet(struct restore_task *t, const struct unix_packet_in *k, int fd,
		       struct sockaddr_un *to, socklen_t to_len, const char *data)
{
	char control[CMSG_SPACE(UNIX_RIGHTS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))]
		__attribute__((aligned(sizeof(size_t))));
	size_t used = put_control(k, control, sizeof(control)), left = k->e->length;
	const CrtoolsCredentials *creds = k->x ? k->x->credentials : NULL;
	int ret = 0;

	do {
		struct iovec iov = { (char *)data, left };
		struct send_call c = { .fd = fd,
				       .m = { .msg_iov = &iov,
					      .msg_iovlen = 1,
					      .msg_name = to_len ? to : NULL,
					      .msg_namelen = to_len,
					      .msg_control = used ? control : NULL,
					      .msg_controllen = used } };

		ret = call_send(&c);
		/* Nobody can say that he is a process that is no more, but that process itself. */
		if (ret == -ESRCH && creds)
			ret = unix_call_as(t, creds, call_send, &c, sizeof(c));
		if (ret == 0) {
			data += c.sent;
			left -= c.sent;
			used = 0;
		}
	} while (ret == 0 && left);
	return ret;
}

static int read_bytes(struct restore_task *t, const struct unix_packet_in *k, const char **ret,
		      char **ret_own)
{
	const struct unix_restore *x = unix_restore_of(t->r);
	char *data = k->data ? NULL : malloc(k->e->length + 1);
	size_t at = 0;

	*ret = k->data;
	if (k->data)
		return 0;
	while (data && at < k->e->length) {
		ssize_t n = pread(x->queues, data + at, k->e->length - at, k->offset + at);

		if (n <= 0) {
			free(data);
			return n < 0 ? -errno : -EIO;
		}
		at += n;
	}
	*ret = *ret_own = data;
	return data ? 0 : -ENOMEM;
}

static int deliver(struct restore_task *t, struct unix_in *u, const struct unix_packet_in *k)
{
	struct unix_in *sender = sender_of(u, k);
	_cleanup_free_ char *own = NULL;
	_cleanup_fd_ int made = -1, by_fd = -1;
	struct sockaddr_un to;
	socklen_t to_len = 0;
	const char *data;
	int ret = read_bytes(t, k, &data, &own), fd, room;

	if (ret < 0)
		return ret;
	if (!sender && u->spare < 0)
		ret = make_sender(t, u, k, &made);
	if (ret < 0)
		return ret;
	fd = sender ? unix_fd(sender) : u->spare >= 0 ? u->spare : made;
	/* One that is connected to it already needs no address. */
	if (!unix_connects(u->e) && (made >= 0 || (sender && sender->mate != u)))
		ret = unix_reach(u, unix_fd(u), &to, &to_len, &by_fd);
	if (ret < 0)
		return ret;
	room = make_room(fd, sender, u);
	ret = send_packet(t, k, fd, &to, to_len, data);
	if (room)
		set_room(fd, room);
	return ret;
}

/* The byte out of band, if it is its turn. */
static int deliver_urgent(const struct unix_in *u, uint64_t at)
{
	const struct unix_in *sender = u->peer;
	unsigned char byte;

	if (!u->x || !u->x->has_urgent || u->x->urgent_at != at || !unix_is_stream(u->e))
		return 0;
	byte = u->x->urgent;
	return send(sender ? unix_fd(sender) : u->spare, &byte, 1,
		    MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT) < 0
		       ? -errno
		       : 0;
}

/* A program that has dumped itself by the RPC service gets its answer: it is a restored one. */
static int answer_request(const struct unix_in *u)
{
	CriuResp resp = CRIU_RESP__INIT;
	CriuDumpResp dump = CRIU_DUMP_RESP__INIT;
	_cleanup_packed_ struct packed p;
	struct codec_fault fault;

	packed_begin(&p);
	if (!(u->e->uflags & UNIX_SERVICE))
		return 0;
	resp.type = CRIU_REQ_TYPE__DUMP;
	resp.success = true;
	resp.dump = &dump;
	dump.has_restored = dump.restored = true;
	if (codec_pack(&resp.base, &p, &fault))
		return -EINVAL;
	return send(u->spare, p.data, packed_len(&p), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int unix_packets_send_early(struct restore_task *t, int fd, CrtoolsPacket **early, size_t n)
{
	int size = n ? socket_int(fd, SOL_SOCKET, SO_SNDBUF, 0) : 0, ret = 0;
	size_t need = 0;

	for (size_t i = 0; i < n; i++)
		need += 2 * early[i]->data.len + OVERHEAD;
	if (need > (size_t)size)
		set_room(fd, need);
	for (size_t i = 0; ret == 0 && i < n; i++) {
		SkPacketEntry e = { .length = early[i]->data.len };
		struct unix_packet_in k = { .e = &e, .x = early[i] };

		ret = send_packet(t, &k, fd, NULL, 0, (const char *)early[i]->data.data);
	}
	if (need > (size_t)size)
		set_room(fd, size / 2);
	return ret;
}

static int send_early(struct restore_task *t, const struct unix_in *u)
{
	int ret = u->listener && u->x
			  ? unix_packets_send_early(t, unix_fd(u), u->x->early, u->x->n_early)
			  : 0;

	if (u->x && u->x->n_early)
		u->file->resized = true;
	if (ret == 0)
		return 0;
	errno = -ret;
	return err_sys(restore_err(t->r), "sendmsg",
		       "can't send again what %s has sent to %s before that accepted it", u->object,
		       u->listener->object);
}

int unix_packets_fill(struct restore_task *t, struct unix_cluster *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct unix_in *u = c->members[i];
		uint64_t at = 0;
		int ret = answer_request(u);

		if (ret == 0 && (ret = send_early(t, u)) < 0)
			return ret;

		for (size_t k = 0; k <= u->n_packets; k++) {
			if (ret == 0)
				ret = deliver_urgent(u, at);
			if (ret == 0 && k == u->n_packets)
				break;
			if (ret == 0)
				ret = deliver(t, u, &u->packets[k]);
			at += k < u->n_packets ? u->packets[k].e->length : 0;
			if (ret == 0)
				continue;
			errno = -ret;
			return err_sys(restore_err(t->r), "sendmsg",
				       "can't put message %zu of %zu (%u bytes) into the queue of "
				       "%s%s",
				       k + 1, u->n_packets, u->packets[k].e->length, u->object,
				       ret == -EAGAIN ? "; raise net.unix.max_dgram_qlen or "
							"net.core.wmem_max"
						      : "");
		}
	}
	return 0;
}
