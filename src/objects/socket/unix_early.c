/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client has sent on a connection that its server has not accepted yet. It waits in the
 * queue of a socket that has no file: only accept(2) leads to it, and a connection that accept has
 * taken out can't be put back for a tree that goes on. So the queue is read where it is, in the
 * kernel's memory (kernel/kmem.h), along its structures (net/unix/af_unix.c):
 *
 *	client's file -> socket -> sock, its peer -> sk_receive_queue -> sk_buff, sk_buff, …
 *
 * The tree is frozen, so nobody changes it; and it counts only if it is whole: as many messages as
 * the queue says, a ring that closes, lengths that fit. What can't be read so, or is more than
 * bytes and credentials, is refused: descriptors on their way, a byte out of band, and the part of
 * a message behind its first some 3,700 bytes, which is in pages of which no address is known.
 *
 * The restored client sends it again when it has connected again.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/btf.h"
#include "kernel/kmem.h"
#include "objects/socket/unix.h"

#define MESSAGES_MAX 4096
#define BYTES_MAX    (64u << 20)

/* Where what is: X(name, path) */
#define PLACES(X)                                                                                  \
	X(task_files, "task_struct.files")                                                         \
	X(files_table, "files_struct.fdt")                                                         \
	X(table_array, "fdtable.fd")                                                               \
	X(file_private, "file.private_data")                                                       \
	X(socket_sk, "socket.sk")                                                                  \
	X(unix_peer, "unix_sock.peer")                                                             \
	X(sk_queue, "sock.sk_receive_queue")                                                       \
	X(queue_next, "sk_buff_head.next")                                                         \
	X(queue_len, "sk_buff_head.qlen")                                                          \
	X(skb_next, "sk_buff.next")                                                                \
	X(skb_len, "sk_buff.len")                                                                  \
	X(skb_data_len, "sk_buff.data_len")                                                        \
	X(skb_data, "sk_buff.data")                                                                \
	X(skb_cb, "sk_buff.cb")                                                                    \
	X(cb_pid, "unix_skb_parms.pid")                                                            \
	X(cb_uid, "unix_skb_parms.uid")                                                            \
	X(cb_gid, "unix_skb_parms.gid")                                                            \
	X(cb_fp, "unix_skb_parms.fp")                                                              \
	X(pid_numbers, "pid.numbers")                                                              \
	X(upid_nr, "upid.nr")

struct unix_early {
	struct kmem memory;
	int error;    /* why nothing can be read; 0 */
	int oob_byte; /* unix_sock.oob_skb; -ENOENT before Linux 5.15 */
#define PLACE(name, path) int name;
	PLACES(PLACE)
#undef PLACE
};

static int find_places(struct unix_early *x)
{
	struct btf *b = NULL;
	int ret = btf_open(&b);

	if (ret < 0)
		return ret;
#define FIND(name, path)                                                                           \
	if (ret == 0) {                                                                            \
		x->name = btf_offset(b, path);                                                     \
		ret = x->name < 0 ? x->name : 0;                                                   \
	}
	PLACES(FIND)
#undef FIND
	x->oob_byte = btf_offset(b, "unix_sock.oob_skb");
	btf_close(b);
	return ret;
}

static struct unix_early *early_of(struct dump *d, struct unix_dump *x)
{
	if (x->early)
		return x->early;
	x->early = arena_new(dump_arena(d), struct unix_early);
	x->early->error = kmem_open(&x->early->memory);
	if (x->early->error == 0)
		x->early->error = find_places(x->early);
	return x->early;
}

void unix_early_end(struct unix_dump *x)
{
	if (x->early)
		kmem_close(&x->early->memory);
}

static uint64_t pointer_at(struct unix_early *x, uint64_t base, int offset)
{
	uint64_t value = 0;

	return base && kmem_read(&x->memory, base + offset, &value, sizeof(value)) == 0 ? value : 0;
}

static uint32_t word_at(struct unix_early *x, uint64_t base, int offset, uint32_t otherwise)
{
	uint32_t value;

	return base && kmem_read(&x->memory, base + offset, &value, sizeof(value)) == 0 ? value
											: otherwise;
}

/* The sock of a descriptor of the tool's. */
static uint64_t sock_of(struct unix_early *x, int fd)
{
	uint64_t files = pointer_at(x, kmem_current(&x->memory), x->task_files);
	uint64_t array = pointer_at(x, pointer_at(x, files, x->files_table), x->table_array);
	uint64_t file = pointer_at(x, array, fd * (int)sizeof(uint64_t));

	return pointer_at(x, pointer_at(x, file, x->file_private), x->socket_sk);
}

static CrtoolsCredentials *sender_of(struct dump *d, struct unix_early *x, uint64_t cb)
{
	uint64_t pid = pointer_at(x, cb, x->cb_pid);
	struct ucred creds = { .pid = pid ? (pid_t)word_at(x, pid, x->pid_numbers + x->upid_nr, 0)
					  : 0,
			       .uid = word_at(x, cb, x->cb_uid, 0),
			       .gid = word_at(x, cb, x->cb_gid, 0) };

	return creds.pid > 0 ? unix_credentials(d, &creds) : NULL;
}

/* 0, or why not. */
static const char *take(struct unix_out *u, struct unix_early *x, uint64_t skb, uint64_t *total)
{
	struct dump *d = u->task->dump;
	uint64_t cb = skb + x->skb_cb, data = pointer_at(x, skb, x->skb_data);
	uint32_t len = word_at(x, skb, x->skb_len, BYTES_MAX);
	CrtoolsPacket *p = arena_msg(dump_arena(d), CrtoolsPacket, crtools_packet);

	*total += len;
	if (*total >= BYTES_MAX)
		return "what was sent can't be read";
	if (word_at(x, skb, x->skb_data_len, 1))
		return "what was sent can't be read: more than some 3,700 bytes at once";
	if (pointer_at(x, cb, x->cb_fp))
		return "descriptors are on their way, which can't be read";
	p->has_data = true;
	p->data.len = len;
	p->data.data = arena_alloc(dump_arena(d), len + 1);
	if (len && kmem_read(&x->memory, data, p->data.data, len) < 0)
		return "what was sent can't be read";
	p->credentials = sender_of(d, x, cb);
	arena_push(dump_arena(d), u->early, u->n_early, p);
	return NULL;
}

static const char *read_queue(struct unix_out *u, struct unix_early *x, int fd)
{
	uint64_t peer = pointer_at(x, sock_of(x, fd), x->unix_peer), total = 0;
	uint64_t head = peer + x->sk_queue, skb = pointer_at(x, head, x->queue_next);
	uint32_t n = peer ? word_at(x, head, x->queue_len, 0) : 0;
	const char *why = NULL;

	if (!n || n > MESSAGES_MAX)
		return "what was sent can't be read";
	if (x->oob_byte >= 0 && pointer_at(x, peer, x->oob_byte))
		return "a byte out of band, which can't be read";
	for (uint32_t i = 0; !why && i < n && skb != head; i++) {
		why = take(u, x, skb, &total);
		skb = pointer_at(x, skb, x->skb_next);
	}
	if (!why && (skb != head || u->n_early != n))
		why = "what was sent can't be read";
	return why;
}

void unix_early_look(struct unix_dump *x, struct unix_out *u, int fd)
{
	struct unix_early *e;

	/* Connected, and the peer has no file: it waits to be accepted. */
	if (!unix_connects(u->e) || u->e->state != UNIX_ESTABLISHED || u->e->peer ||
	    u->e->shutdown == SK_SHUTDOWN__BOTH || !u->diag->wqueue)
		return;
	e = early_of(u->task->dump, x);
	u->early_refused = e->error ? "what was sent can't be read (it takes CAP_SYS_ADMIN, "
				      "BPF and BTF)"
				    : read_queue(u, e, fd);
}

/* --- restore -------------------------------------------------------------------------------------
 */

int unix_early_check(struct restore *r, const struct unix_in *u)
{
	uint64_t total = 0;

	if (!u->x)
		return 0;
	for (size_t i = 0; i < u->x->n_early; i++)
		total += u->x->early[i]->data.len;
	if (total < BYTES_MAX && u->x->n_early <= MESSAGES_MAX && (u->listener || !u->x->n_early))
		return 0;
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "crtools-files.img: %s has sent to its server, %s, what none can have",
		       u->object, u->listener ? u->listener->object : "which is not in the images");
}
