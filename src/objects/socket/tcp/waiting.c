/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections that a listener has not accepted yet: the dump. No descriptor leads to one but
 * that of accept(2), and what that has taken can't be given back to a tree that goes on. So they
 * are read where they are, in the kernel's memory (kernel/kmem.h):
 *
 *	listener's file -> socket -> inet_connection_sock, icsk_accept_queue -> request_sock,
 *	request_sock, … each with its sock, sk_receive_queue -> sk_buff, sk_buff, …
 *
 * Nobody changes them meanwhile: the tree is frozen, who comes now is not heard (tcp/listen.c), and
 * the connections are locked. What was negotiated tells sock_diag(7). Such a connection has sent
 * nothing yet, so its numbers, the peer's window, and what was received are all of it.
 *
 * One that its peer has reset waits to be accepted, too; nobody lists it any more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/kmem_skb.h"
#include "kernel/sock_diag.h"
#include "kernel/tcp_plant.h"
#include "objects/inside.h"
#include "objects/socket/inet/inet.h"

#define WAITING_MAX    65536
#define BYTES_MAX      (64u << 20)
#define OPT_USEC_TS    64 /* TCPI_OPT_USEC_TS, Linux 6.7 */
#define TCP_TIMESTAMP_ 24
#define FWMARK_ACCEPT  "/proc/sys/net/ipv4/tcp_fwmark_accept"

/* Where what is: X(name, path) */
#define PLACES(X)                                                                                  \
	X(socket_sk, "socket.sk")                                                                  \
	X(accept_queue, "inet_connection_sock.icsk_accept_queue")                                  \
	X(first, "request_sock_queue.rskq_accept_head")                                            \
	X(next, "request_sock.dl_next")                                                            \
	X(request_sk, "request_sock.sk")                                                           \
	X(family, "sock_common.skc_family")                                                        \
	X(state, "sock_common.skc_state")                                                          \
	X(peer, "sock_common.skc_daddr")                                                           \
	X(own, "sock_common.skc_rcv_saddr")                                                        \
	X(peer_port, "sock_common.skc_dport")                                                      \
	X(own_port, "inet_sock.inet_sport") /* skc_num ends with the connection */                 \
	X(received, "tcp_sock.rcv_nxt")                                                            \
	X(taken, "tcp_sock.copied_seq")                                                            \
	X(sent, "tcp_sock.snd_nxt")                                                                \
	X(acknowledged, "tcp_sock.snd_una")                                                        \
	X(window, "tcp_sock.snd_wnd")                                                              \
	X(time_offset, "tcp_sock.tsoffset")                                                        \
	X(urgent, "tcp_sock.urg_data")                                                             \
	X(negotiated, "tcp_sock.rx_opt")                                                           \
	X(segment, "tcp_options_received.mss_clamp")                                               \
	X(peer_time, "tcp_options_received.ts_recent")                                             \
	X(skb_seq, "tcp_skb_cb.seq")

struct waiting_one {
	struct inet_out *listener;
	uint64_t sk;
	int family;
	CrtoolsTcpWaiting *w;
};

struct tcp_waiting {
	struct kmem *memory;
	struct kmem_skb skb;
	int error; /* why nothing can be read, or made again; 0 */
	int own_v6, peer_v6;
	uint32_t now; /* the clock of time stamps */
	uint64_t bytes;
	struct waiting_one *all;
	size_t n;
	BTF_PLACES(PLACES);
};

static int find_places(struct dump *d, struct tcp_waiting *x)
{
	struct inside *inside;
	int ret = inside_open(d, &inside);

	if (ret < 0)
		return ret;
	x->memory = &inside->memory;
	inside_pages(inside); /* without them, what is in pages is refused */
	x->own_v6 = btf_offset(inside->types, "sock_common.skc_v6_rcv_saddr");
	x->peer_v6 = btf_offset(inside->types, "sock_common.skc_v6_daddr");
	ret = kmem_skb_find(&x->skb, inside->types);
	return ret < 0 ? ret : BTF_FIND(inside->types, PLACES, x);
}

static struct tcp_waiting *waiting_of(struct dump *d, struct inet_dump *x)
{
	struct tcp_waiting *w = x->waiting;

	if (w)
		return w;
	w = x->waiting = arena_new(dump_arena(d), struct tcp_waiting);
	w->error = tcp_plant_try();
	if (w->error == 0)
		w->error = find_places(d, w);
	return w;
}

static bool marks_are_taken_over(void)
{
	_cleanup_file_ FILE *file = fopen(FWMARK_ACCEPT, "re");
	int on = 0;

	return file && fscanf(file, "%d", &on) == 1 && on;
}

const char *tcp_waiting_unable(struct dump *d, struct inet_dump *x, const struct inet_out *s)
{
	const struct options *o = d->s->opts;

	if (!tcp_may_repair(x) || waiting_of(d, x)->error)
		return "which takes Linux 6.9 with BPF, BTF and tcp_syncookies, CAP_SYS_ADMIN and "
		       "CAP_NET_ADMIN to keep";
	if (marks_are_taken_over())
		return "which can't be kept with net.ipv4.tcp_fwmark_accept";
	if (o->network_lock >= LOCK_SKIP && !o->leave_running)
		return "and without a lock of the network the end of the tree resets them";
	if (s->keyed)
		return "and signs its segments (TCP_MD5SIG)";
	return NULL;
}

/* --- finding -------------------------------------------------------------------------------------
 */

/* *ret: 0 where it can't be read. */
static bool read_at(struct tcp_waiting *x, uint64_t base, int offset, void *ret, size_t size)
{
	if (base && offset >= 0 && kmem_read(x->memory, base + offset, ret, size) == 0)
		return true;
	memset(ret, 0, size);
	return false;
}

static uint32_t word_at(struct tcp_waiting *x, uint64_t base, int offset)
{
	uint32_t value;

	read_at(x, base, offset, &value, sizeof(value));
	return value;
}

/* All that wait at a listener, in their order; how many, or -errno. */
static ssize_t walk(struct dump *d, struct tcp_waiting *x, const struct inet_out *s, uint64_t **ret)
{
	_cleanup_fd_ int fd = tcp_borrow(d, s);
	uint64_t sk, request;
	size_t n = 0;

	*ret = NULL;
	if (fd < 0)
		return fd;
	sk = kmem_pointer(x->memory, kmem_private(x->memory, fd), x->socket_sk);
	request = kmem_pointer(x->memory, sk, x->accept_queue + x->first);
	for (; request && n < WAITING_MAX; request = kmem_pointer(x->memory, request, x->next)) {
		uint64_t child = kmem_pointer(x->memory, request, x->request_sk);

		arena_push(dump_arena(d), *ret, n, child);
	}
	return n;
}

static void read_ends(struct dump *d, struct tcp_waiting *x, struct waiting_one *one)
{
	CrtoolsTcpWaiting *w = one->w;
	uint16_t family, port;
	bool v6;

	read_at(x, one->sk, x->family, &family, sizeof(family));
	one->family = family;
	v6 = family == AF_INET6;
	w->has_own = w->has_peer = w->has_own_port = w->has_peer_port = true;
	w->own.len = w->peer.len = v6 ? 16 : 4;
	w->own.data = arena_alloc(dump_arena(d), w->own.len);
	w->peer.data = arena_alloc(dump_arena(d), w->peer.len);
	read_at(x, one->sk, v6 ? x->own_v6 : x->own, w->own.data, w->own.len);
	read_at(x, one->sk, v6 ? x->peer_v6 : x->peer, w->peer.data, w->peer.len);
	read_at(x, one->sk, x->own_port, &port, sizeof(port));
	w->own_port = ntohs(port);
	read_at(x, one->sk, x->peer_port, &port, sizeof(port));
	w->peer_port = ntohs(port);
}

static struct nft_connection ends_of(const struct waiting_one *one)
{
	InetSkEntry e = INET_SK_ENTRY__INIT;

	e.family = one->family;
	e.src_port = one->w->own_port;
	e.dst_port = one->w->peer_port;
	e.n_src_addr = e.n_dst_addr = one->w->own.len / sizeof(uint32_t);
	e.src_addr = (uint32_t *)one->w->own.data;
	e.dst_addr = (uint32_t *)one->w->peer.data;
	return tcp_connection(&e);
}

int tcp_waiting_find(struct dump *d, struct inet_dump *x, struct nft_connection **ret,
		     size_t *ret_n)
{
	for (size_t i = 0; i < x->n_listeners; i++) {
		struct inet_out *s = x->listeners[i];
		uint64_t *sks;
		ssize_t n = s->waits ? walk(d, x->waiting, s, &sks) : 0;

		if (n < 0)
			return n;
		for (ssize_t k = 0; k < n; k++) {
			struct waiting_one one = { .listener = s, .sk = sks[k] };

			one.w = arena_msg(dump_arena(d), CrtoolsTcpWaiting, crtools_tcp_waiting);
			read_ends(d, x->waiting, &one);
			arena_push(dump_arena(d), x->waiting->all, x->waiting->n, one);
			arena_push(dump_arena(d), *ret, *ret_n, ends_of(&one));
		}
	}
	return 0;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static int look_up(struct dump *d, struct inet_dump *x, const struct waiting_one *one,
		   struct tcp_info *ret)
{
	struct inet_diag_sockid id = { .idiag_sport = htons(one->w->own_port),
				       .idiag_dport = htons(one->w->peer_port),
				       .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };
	uint32_t waiting;

	memcpy(id.idiag_src, one->w->own.data, one->w->own.len);
	memcpy(id.idiag_dst, one->w->peer.data, one->w->peer.len);
	return inet_diag_connection(x->netlink, one->family, &id, &waiting, ret, dump_err(d));
}

/* From *at of the stream on, which it moves. NULL, or why not. */
static const char *take_skb(struct tcp_waiting *x, uint64_t skb, CrtoolsTcpWaiting *w, uint32_t *at)
{
	uint32_t seq = word_at(x, skb, x->skb.cb + x->skb_seq), len = word_at(x, skb, x->skb.len);
	uint32_t seen = *at - seq; /* of a segment that was in part there before */
	_cleanup_free_ uint8_t *all = NULL;

	if (!len)
		return NULL;
	if (seen > len || len - seen > w->stream->inq_len - w->data.len)
		return "what it has received can't be read";
	all = malloc(len);
	if (!all || kmem_skb_read(x->memory, &x->skb, skb, all, len) < 0)
		return "what it has received can't be read";
	memcpy(w->data.data + w->data.len, all + seen, len - seen);
	w->data.len += len - seen;
	*at += len - seen;
	return NULL;
}

static const char *read_data(struct dump *d, struct tcp_waiting *x, const struct waiting_one *one)
{
	uint32_t end = word_at(x, one->sk, x->received), at = word_at(x, one->sk, x->taken);
	uint64_t head = one->sk + x->skb.of_sock, skb = kmem_pointer(x->memory, head, x->skb.first);
	uint32_t n = word_at(x, head, x->skb.count);
	CrtoolsTcpWaiting *w = one->w;
	const char *why = NULL;

	w->stream->inq_seq = end;
	w->stream->inq_len = end - at;
	x->bytes += end - at;
	if (x->bytes > BYTES_MAX)
		return "more was received than is kept, 64 MiB of all";
	w->has_data = true;
	w->data.data = arena_alloc(dump_arena(d), w->stream->inq_len + 1);
	for (uint32_t i = 0; !why && i < n && skb != head; i++) {
		why = take_skb(x, skb, w, &at);
		skb = kmem_pointer(x->memory, skb, x->skb.next);
	}
	/* The end that the peer has said counts one. */
	w->has_peer_ended = w->peer_ended = end - at == 1;
	w->stream->inq_len = w->data.len;
	return why ?: skb != head || end - at > 1 ? "what it has received can't be read" : NULL;
}

static const char *judge_options(const struct waiting_one *one, const struct tcp_info *info)
{
	uint32_t least = one->w->own.len == 4 ? TCP_PLANT_SEGMENT_V4 : TCP_PLANT_SEGMENT_V6;

	if (info->tcpi_options & OPT_USEC_TS)
		return "it has time stamps in microseconds";
	if (one->w->stream->mss_clamp < least && !one->w->reset)
		return "its peer takes smaller segments than a restored one could promise";
	if (one->family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)one->w->own.data))
		return "its addresses are those of one link";
	return NULL;
}

/* NULL, or why not. */
static const char *read_one(struct dump *d, struct inet_dump *x, const struct waiting_one *one)
{
	struct tcp_waiting *y = x->waiting;
	CrtoolsTcpWaiting *w = one->w;
	struct tcp_info info = { 0 };
	uint16_t segment, urgent;
	uint8_t state;
	const char *why;

	w->stream = arena_msg(dump_arena(d), TcpStreamEntry, tcp_stream_entry);
	read_at(y, one->sk, y->state, &state, sizeof(state));
	read_at(y, one->sk, y->urgent, &urgent, sizeof(urgent));
	read_at(y, one->sk, y->negotiated + y->segment, &segment, sizeof(segment));
	w->has_reset = w->reset = state == INET_CLOSE;
	if (state != INET_ESTABLISHED && state != INET_CLOSE_WAIT && state != INET_CLOSE)
		return "it is between two states";
	if (urgent)
		return "it has urgent data";
	if (!w->reset && look_up(d, x, one, &info) < 0)
		return "the kernel does not list it";
	w->stream->outq_seq = word_at(y, one->sk, y->sent);
	if (word_at(y, one->sk, y->acknowledged) != w->stream->outq_seq)
		return "it is between two states";
	w->stream->mss_clamp = segment;
	w->stream->opt_mask = info.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK |
						   TCPI_OPT_WSCALE | TCPI_OPT_ECN);
	w->stream->snd_wscale = info.tcpi_snd_wscale;
	w->stream->has_rcv_wscale = w->stream->has_timestamp = w->stream->has_snd_wnd = true;
	w->stream->rcv_wscale = info.tcpi_rcv_wscale;
	w->stream->timestamp = y->now + word_at(y, one->sk, y->time_offset);
	w->stream->snd_wnd = w->reset ? 0 : word_at(y, one->sk, y->window);
	w->has_peer_time = true;
	w->peer_time = word_at(y, one->sk, y->negotiated + y->peer_time);
	why = judge_options(one, &info);
	return why ?: read_data(d, y, one);
}

/* A process outside of the tree that has the listener may accept them. */
static bool still_wait(struct dump *d, struct tcp_waiting *x, size_t from, size_t to)
{
	uint64_t *sks;
	ssize_t n = walk(d, x, x->all[from].listener, &sks);

	if (n < (ssize_t)(to - from))
		return false;
	for (size_t i = from; i < to; i++)
		if (sks[i - from] != x->all[i].sk)
			return false;
	return true;
}

/* Those of one listener, which are from..to. */
static void read_listener(struct dump *d, struct inet_dump *x, size_t from, size_t to)
{
	struct inet_out *s = x->waiting->all[from].listener;
	CrtoolsSocket *extra = socket_extra(d, s->file);
	const char *why = NULL;

	for (size_t i = from; !why && i < to; i++) {
		why = read_one(d, x, &x->waiting->all[i]);
		arena_push(dump_arena(d), extra->tcp_waiting, extra->n_tcp_waiting,
			   x->waiting->all[i].w);
	}
	if (!why && !still_wait(d, x->waiting, from, to))
		why = "a process outside of the tree accepts it";
	if (why)
		task_refuse(s->task, s->object,
			    arena_printf(dump_arena(d),
					 "has a connection that is not accepted yet, which can't "
					 "be kept: %s",
					 why),
			    "try again when it has, or drop them with --skip-in-flight");
}

int tcp_waiting_read(struct dump *d, struct inet_dump *x)
{
	struct tcp_waiting *y = x->waiting;
	_cleanup_fd_ int clock = -1;

	if (!y || !y->n)
		return 0;
	clock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	y->now = socket_int(clock, SOL_TCP, TCP_TIMESTAMP_, 0);
	for (size_t from = 0, to; from < y->n; from = to) {
		for (to = from; to < y->n && y->all[to].listener == y->all[from].listener;)
			to++;
		read_listener(d, x, from, to);
	}
	return 0;
}
