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
 * bytes and credentials, is refused: descriptors on their way, a byte out of band.
 *
 * The restored client sends it again when it has connected again.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/btf.h"
#include "kernel/kmem.h"
#include "kernel/kmem_skb.h"
#include "objects/socket/unix.h"

#define MESSAGES_MAX 4096
#define BYTES_MAX    (64u << 20)
#define UNREADABLE   "what was sent can't be read"

/* Where what is: X(name, path) */
#define PLACES(X)                                                                                  \
	X(socket_sk, "socket.sk")                                                                  \
	X(unix_peer, "unix_sock.peer")                                                             \
	X(cb_pid, "unix_skb_parms.pid")                                                            \
	X(cb_uid, "unix_skb_parms.uid")                                                            \
	X(cb_gid, "unix_skb_parms.gid")                                                            \
	X(cb_fp, "unix_skb_parms.fp")                                                              \
	X(pid_numbers, "pid.numbers")                                                              \
	X(upid_nr, "upid.nr")

struct unix_early {
	struct kmem memory;
	struct kmem_skb skb;
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
	ret = kmem_open(&x->memory, b);
	if (ret == 0)
		ret = kmem_skb_find(&x->skb, b);
#define FIND(name, path)                                                                           \
	if (ret == 0) {                                                                            \
		x->name = btf_offset(b, path);                                                     \
		ret = x->name < 0 ? x->name : 0;                                                   \
	}
	PLACES(FIND)
#undef FIND
	if (ret == 0)
		kmem_find_pages(&x->memory, b); /* without them, what is long is refused */
	x->oob_byte = btf_offset(b, "unix_sock.oob_skb");
	btf_close(b);
	return ret;
}

static struct unix_early *early_of(struct dump *d, struct unix_dump *x)
{
	if (x->early)
		return x->early;
	x->early = arena_new(dump_arena(d), struct unix_early);
	x->early->memory.map = x->early->memory.prog = -1;
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
	return kmem_pointer(&x->memory, base, offset);
}

static uint32_t word_at(struct unix_early *x, uint64_t base, int offset, uint32_t otherwise)
{
	uint32_t value;

	return base && kmem_read(&x->memory, base + offset, &value, sizeof(value)) == 0 ? value
											: otherwise;
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

/* NULL, or why not. */
static const char *take(struct unix_out *u, struct unix_early *x, uint64_t skb, uint64_t *total)
{
	struct dump *d = u->task->dump;
	uint64_t cb = skb + x->skb.cb;
	uint32_t len = word_at(x, skb, x->skb.len, BYTES_MAX);
	CrtoolsPacket *p = arena_msg(dump_arena(d), CrtoolsPacket, crtools_packet);

	*total += len;
	if (*total >= BYTES_MAX)
		return UNREADABLE;
	if (pointer_at(x, cb, x->cb_fp))
		return "descriptors are on their way, which can't be read";
	p->has_data = true;
	p->data.len = len;
	p->data.data = arena_alloc(dump_arena(d), len + 1);
	if (kmem_skb_read(&x->memory, &x->skb, skb, p->data.data, len) < 0)
		return UNREADABLE;
	p->credentials = sender_of(d, x, cb);
	arena_push(dump_arena(d), u->early, u->n_early, p);
	return NULL;
}

static const char *read_queue(struct unix_out *u, struct unix_early *x, uint64_t sk)
{
	uint64_t peer = pointer_at(x, sk, x->unix_peer), total = 0;
	uint64_t head = peer + x->skb.of_sock, skb = pointer_at(x, head, x->skb.first);
	uint32_t n = peer ? word_at(x, head, x->skb.count, 0) : 0;
	const char *why = NULL;

	if (!n || n > MESSAGES_MAX)
		return UNREADABLE;
	if (x->oob_byte >= 0 && pointer_at(x, peer, x->oob_byte))
		return "a byte out of band, which can't be read";
	for (uint32_t i = 0; !why && i < n && skb != head; i++) {
		why = take(u, x, skb, &total);
		skb = pointer_at(x, skb, x->skb.next);
	}
	return why ?: skb != head || u->n_early != n ? UNREADABLE : NULL;
}

void unix_early_look(struct unix_dump *x, struct unix_out *u, int fd)
{
	struct unix_early *e;
	uint64_t sk;

	/* Connected, and the peer has no file: it waits to be accepted. */
	if (!unix_connects(u->e) || u->e->state != UNIX_ESTABLISHED || u->e->peer ||
	    u->e->shutdown == SK_SHUTDOWN__BOTH || !u->diag->wqueue)
		return;
	e = early_of(u->task->dump, x);
	if (e->error) {
		u->early_refused = UNREADABLE " (it takes CAP_SYS_ADMIN, BPF and BTF)";
		return;
	}
	sk = pointer_at(e, kmem_private(&e->memory, fd), e->socket_sk);
	u->early_refused = read_queue(u, e, sk);
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
