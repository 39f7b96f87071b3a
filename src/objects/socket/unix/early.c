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
 * The restored client sends it again when it has connected again. For one that has closed already,
 * the restore makes one that connects, sends and closes. Its end of the connection is found by the
 * listener, whose queue has an empty sk_buff for each that waits; who connected and by what name is
 * read there, too.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/kmem_skb.h"
#include "objects/inside.h"
#include "objects/socket/unix/unix.h"

#define MESSAGES_MAX 4096
#define BYTES_MAX    (64u << 20)
#define UNREADABLE   "what was sent can't be read"

/* Where what is: X(name, path) */
#define PLACES(X)                                                                                  \
	X(socket_sk, "socket.sk")                                                                  \
	X(skb_sk, "sk_buff.sk")                                                                    \
	X(unix_addr, "unix_sock.addr")                                                             \
	X(addr_len, "unix_address.len")                                                            \
	X(addr_name, "unix_address.name")                                                          \
	X(peer_pid, "sock.sk_peer_pid")                                                            \
	X(peer_cred, "sock.sk_peer_cred")                                                          \
	X(cred_uid, "cred.euid")                                                                   \
	X(cred_gid, "cred.egid")                                                                   \
	X(unix_peer, "unix_sock.peer")                                                             \
	X(cb_pid, "unix_skb_parms.pid")                                                            \
	X(cb_uid, "unix_skb_parms.uid")                                                            \
	X(cb_gid, "unix_skb_parms.gid")                                                            \
	X(cb_fp, "unix_skb_parms.fp")                                                              \
	X(pid_level, "pid.level")                                                                  \
	X(pid_numbers, "pid.numbers")                                                              \
	X(upid_nr, "upid.nr")                                                                      \
	X(upid_ns, "upid.ns")                                                                      \
	X(thread_pid, "task_struct.thread_pid")

struct unix_early {
	struct kmem *memory;
	struct kmem_skb skb;
	int error;   /* why nothing can be read; 0 */
	int level;   /* of the tool's pid namespace, below the first */
	uint64_t ns; /* that */
	int upid_size;
	int oob_byte; /* unix_sock.oob_skb; -ENOENT before Linux 5.15 */
	BTF_PLACES(PLACES);
};

static int find_places(struct dump *d, struct unix_early *x)
{
	struct inside *inside;
	int ret = inside_open(d, &inside);

	if (ret < 0)
		return ret;
	x->memory = &inside->memory;
	inside_pages(inside); /* without them, what is in pages is refused */
	x->oob_byte = btf_offset(inside->types, "unix_sock.oob_skb");
	x->upid_size = btf_size(inside->types, "upid");
	ret = kmem_skb_find(&x->skb, inside->types);
	return ret < 0 ? ret : BTF_FIND(inside->types, PLACES, x);
}

static uint64_t pointer_at(struct unix_early *x, uint64_t base, int offset)
{
	return kmem_pointer(x->memory, base, offset);
}

static uint32_t word_at(struct unix_early *x, uint64_t base, int offset, uint32_t otherwise)
{
	uint32_t value;

	return base && kmem_read(x->memory, base + offset, &value, sizeof(value)) == 0 ? value
										       : otherwise;
}

/* A struct pid has a number, struct upid, in each namespace down to its own. */
static int number_at(const struct unix_early *x, int level)
{
	return x->pid_numbers + level * x->upid_size;
}

static void find_level(struct unix_early *x)
{
	uint64_t own = pointer_at(x, kmem_current(x->memory), x->thread_pid);

	x->level = (int)word_at(x, own, x->pid_level, 0);
	x->ns = pointer_at(x, own, number_at(x, x->level) + x->upid_ns);
}

/* As the tool sees it; 0: it has no number there. */
static pid_t number_of(struct unix_early *x, uint64_t pid)
{
	if (!pid || !x->ns || (int)word_at(x, pid, x->pid_level, 0) < x->level ||
	    pointer_at(x, pid, number_at(x, x->level) + x->upid_ns) != x->ns)
		return 0;
	return (pid_t)word_at(x, pid, number_at(x, x->level) + x->upid_nr, 0);
}

static struct unix_early *early_of(struct dump *d, struct unix_dump *x)
{
	if (x->early)
		return x->early;
	x->early = arena_new(dump_arena(d), struct unix_early);
	x->early->error = find_places(d, x->early);
	if (x->early->error == 0)
		find_level(x->early);
	return x->early;
}

/* pid: a struct pid; the ids are of the first user namespace, as those of the tool. */
static CrtoolsCredentials *credentials(struct dump *d, struct unix_early *x, uint64_t pid,
				       uint32_t uid, uint32_t gid)
{
	struct ucred creds = { .pid = number_of(x, pid), .uid = uid, .gid = gid };

	return creds.pid > 0 ? unix_credentials(d, &creds) : NULL;
}

static CrtoolsCredentials *sender_of(struct dump *d, struct unix_early *x, uint64_t cb)
{
	return credentials(d, x, pointer_at(x, cb, x->cb_pid), word_at(x, cb, x->cb_uid, 0),
			   word_at(x, cb, x->cb_gid, 0));
}

/* What one has sent: in the arena. */
struct sent {
	CrtoolsPacket **packets;
	size_t n;
};

/* NULL, or why not. */
static const char *take(struct dump *d, struct unix_early *x, uint64_t skb, uint64_t *total,
			struct sent *to)
{
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
	if (kmem_skb_read(x->memory, &x->skb, skb, p->data.data, len) < 0)
		return UNREADABLE;
	p->credentials = sender_of(d, x, cb);
	arena_push(dump_arena(d), to->packets, to->n, p);
	return NULL;
}

/* peer: the server's end. */
static const char *read_queue(struct dump *d, struct unix_early *x, uint64_t peer, struct sent *to)
{
	uint64_t head = peer + x->skb.of_sock, skb = pointer_at(x, head, x->skb.first), total = 0;
	uint32_t n = peer ? word_at(x, head, x->skb.count, UINT32_MAX) : UINT32_MAX;
	const char *why = NULL;

	if (n > MESSAGES_MAX)
		return UNREADABLE;
	if (x->oob_byte >= 0 && pointer_at(x, peer, x->oob_byte))
		return "a byte out of band, which can't be read";
	for (uint32_t i = 0; !why && i < n && skb != head; i++) {
		why = take(d, x, skb, &total, to);
		skb = pointer_at(x, skb, x->skb.next);
	}
	return why ?: skb != head || to->n != n ? UNREADABLE : NULL;
}

#define UNABLE UNREADABLE " (it takes CAP_SYS_ADMIN, BPF and BTF)"

void unix_early_look(struct unix_dump *x, struct unix_out *u, int fd)
{
	struct unix_early *e;
	struct sent sent = { 0 };
	uint64_t sk;

	/* Connected, and the peer has no file: it waits to be accepted. */
	if (!unix_connects(u->e) || u->e->state != UNIX_ESTABLISHED || u->e->peer ||
	    u->e->shutdown == SK_SHUTDOWN__BOTH || !u->diag->wqueue)
		return;
	e = early_of(u->task->dump, x);
	if (e->error) {
		u->early_refused = UNABLE;
		return;
	}
	sk = pointer_at(e, kmem_private(e->memory, fd), e->socket_sk);
	u->early_refused = read_queue(u->task->dump, e, pointer_at(e, sk, e->unix_peer), &sent);
	u->early = sent.packets;
	u->n_early = sent.n;
	if (!sent.n && !u->early_refused)
		u->early_refused = UNREADABLE;
}

/* Of a client that has closed; the server's end keeps it as long. */
static void read_name(struct dump *d, struct unix_early *x, uint64_t client, CrtoolsGoneClient *g)
{
	uint64_t addr = pointer_at(x, client, x->unix_addr);
	uint32_t len = word_at(x, addr, x->addr_len, 0), head = sizeof(sa_family_t);

	if (len <= head || len > sizeof(struct sockaddr_un) + 1)
		return;
	g->name.data = arena_alloc(dump_arena(d), len);
	if (kmem_read(x->memory, addr + x->addr_name + head, g->name.data, len - head) < 0)
		return;
	g->has_name = true;
	g->name.len = len - head;
}

static const char *read_gone(struct unix_out *u, struct unix_early *x, uint64_t server)
{
	struct dump *d = u->task->dump;
	CrtoolsGoneClient *g = arena_msg(dump_arena(d), CrtoolsGoneClient, crtools_gone_client);
	CrtoolsSocket *extra = socket_extra(d, u->file);
	uint64_t cred = pointer_at(x, server, x->peer_cred);
	struct sent sent = { 0 };
	const char *why = server ? read_queue(d, x, server, &sent) : UNREADABLE;

	g->maker = credentials(d, x, pointer_at(x, server, x->peer_pid),
			       word_at(x, cred, x->cred_uid, 0), word_at(x, cred, x->cred_gid, 0));
	g->early = sent.packets;
	g->n_early = sent.n;
	read_name(d, x, pointer_at(x, server, x->unix_peer), g);
	arena_push(dump_arena(d), extra->gone, extra->n_gone, g);
	return why;
}

void unix_early_look_gone(struct unix_dump *x, struct unix_out *u, int fd)
{
	struct unix_early *e = early_of(u->task->dump, x);
	uint64_t sk, head, skb;
	size_t i = 0;

	if (e->error) {
		u->early_refused = UNABLE;
		return;
	}
	sk = pointer_at(e, kmem_private(e->memory, fd), e->socket_sk);
	head = sk + e->skb.of_sock;
	skb = pointer_at(e, head, e->skb.first);
	for (; !u->early_refused && skb && skb != head && i < u->diag->n_icons; i++) {
		if (!u->diag->icons[i])
			u->early_refused = read_gone(u, e, pointer_at(e, skb, e->skb_sk));
		skb = pointer_at(e, skb, e->skb.next);
	}
	if (!u->early_refused && (skb != head || i != u->diag->n_icons))
		u->early_refused = UNREADABLE;
}

/* --- restore -------------------------------------------------------------------------------------
 */

static bool fits(size_t n, CrtoolsPacket **packets)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += packets[i]->data.len;
	return total < BYTES_MAX && n <= MESSAGES_MAX;
}

/* Those that have closed: as many as the queue has places for. */
static bool gone_fit(const CrtoolsSocket *x)
{
	size_t places = 0;

	for (size_t i = 0; i < x->n_waiting; i++)
		places += !x->waiting[i];
	for (size_t i = 0; i < x->n_gone; i++)
		if (!fits(x->gone[i]->n_early, x->gone[i]->early) ||
		    x->gone[i]->name.len > UNIX_NAME_MAX + 1)
			return false;
	return !x->n_gone || x->n_gone == places;
}

int unix_early_check(struct restore *r, struct unix_in *u)
{
	if (!u->x)
		return 0;
	for (size_t i = 0; i < u->x->n_gone; i++)
		if (u->x->gone[i]->maker)
			unix_creds_check(r, u, u->x->gone[i]->maker);
	if (!gone_fit(u->x) || (u->x->n_gone && u->e->state != UNIX_LISTEN))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: clients of %s have closed what none can have",
			       u->object);
	if (fits(u->x->n_early, u->x->early) && (u->listener || !u->x->n_early))
		return 0;
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "crtools-files.img: %s has sent to its server, %s, what none can have",
		       u->object, u->listener ? u->listener->object : "which is not in the images");
}
