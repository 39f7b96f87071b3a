/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections that a listener has not accepted yet: the restore. Each gets the entry that a
 * connection has in the images, so that it is checked and locked like others. When the listener
 * listens, a packet in the client's name makes the connection (kernel/tcp_plant.h), others bring
 * what was received, the end, or the reset. The order is that in which they are to be accepted.
 *
 * What the kernel answers is dropped by the lock. The window that is promised anew may be smaller
 * than the old one: what the client has sent beyond it, it sends again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "kernel/sock_diag.h"
#include "kernel/tcp_plant.h"
#include "objects/socket/inet/inet.h"

#define PATIENCE     2000 /* ms, for a packet on the loopback device */
#define SCALE_MAX    14
#define SO_BUF_LOCK_ 72 /* Linux 5.14 */

/* --- check ---------------------------------------------------------------------------------------
 */

static const char *wrong_field(const CrtoolsTcpWaiting *w, const InetSkEntry *listener)
{
	const TcpStreamEntry *t = w->stream;
	const struct {
		bool wrong;
		const char *field;
	} fields[] = {
		{ (w->own.len != 4 && w->own.len != 16) ||
			  (w->own.len == 16 && listener->family == AF_INET),
		  "own" },
		{ w->peer.len != w->own.len, "peer" },
		{ !w->own_port || w->own_port > UINT16_MAX, "own_port" },
		{ !w->peer_port || w->peer_port > UINT16_MAX, "peer_port" },
		{ !t, "stream" },
		{ t && (t->outq_len || t->unsq_len), "outq_len" },
		{ t && t->inq_len != w->data.len, "inq_len" },
		{ t && (t->snd_wscale > SCALE_MAX || t->rcv_wscale > SCALE_MAX), "snd_wscale" },
		{ t && t->snd_wnd >> (t->snd_wscale & SCALE_MAX) > UINT16_MAX, "snd_wnd" },
		{ t &&
			  t->mss_clamp <
				  (w->own.len == 4 ? TCP_PLANT_SEGMENT_V4 : TCP_PLANT_SEGMENT_V6) &&
			  !w->reset,
		  "mss_clamp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].wrong)
			return fields[i].field;
	return NULL;
}

/* As if it were a file's. */
static void fill_end(struct restore *r, const struct inet_in *listener, struct tcp_planted *p)
{
	InetSkEntry *e = arena_memdup(restore_arena(r), listener->e, sizeof(*e));
	const CrtoolsTcpWaiting *w = p->w;

	e->family = w->own.len == 4 ? AF_INET : AF_INET6;
	e->n_src_addr = e->n_dst_addr = w->own.len / sizeof(uint32_t);
	e->src_addr = arena_memdup(restore_arena(r), w->own.data, w->own.len);
	e->dst_addr = arena_memdup(restore_arena(r), w->peer.data, w->peer.len);
	e->src_port = w->own_port;
	e->dst_port = w->peer_port;
	e->state = w->reset ? INET_CLOSE : w->peer_ended ? INET_CLOSE_WAIT : INET_ESTABLISHED;
	e->ifname = NULL;
	p->end = (struct inet_in){ .file = listener->file,
				   .e = e,
				   .stream = w->stream,
				   .queues = (const char *)w->data.data };
}

static int check_one(struct restore *r, struct inet_restore *x, const struct inet_in *s,
		     struct tcp_planted *p)
{
	const char *wrong = wrong_field(p->w, s->e);
	int ret;

	if (wrong)
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			"crtools-files.img: %s of a connection that waits at %s is none that "
			"it can have",
			wrong, inet_object(r, s));
	fill_end(r, s, p);
	if (!inet_is_local(&x->local, p->end.e))
		report_refuse(&r->s->report, 0, inet_object(r, &p->end),
			      "waits to be accepted at an address that this host does not have",
			      "add the address to a network device (ip address add)");
	ret = tcp_check_stream(r, &p->end, p->w->stream);
	return ret < 0 || p->w->reset ? ret : tcp_note_ends(r, x, &p->end);
}

static void judge(struct restore *r, const struct inet_in *s)
{
	const char *text = "has connections that are not accepted yet";
	int ret;

	if (!r->s->opts->tcp_established) {
		report_refuse(&r->s->report, 0, inet_object(r, s), text,
			      "restore it with --tcp-established, or without them with "
			      "--tcp-close");
		return;
	}
	ret = tcp_plant_try();
	if (ret < 0)
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      arena_printf(restore_arena(r),
					   "%s, which takes Linux 6.9 with BPF, BTF and "
					   "tcp_syncookies, and CAP_SYS_ADMIN (%s)",
					   text, strerror(-ret)),
			      "restore it on such a kernel, or without them with --tcp-close");
}

int tcp_waiting_check(struct restore *r, struct inet_restore *x, struct inet_in *s)
{
	size_t n = s->x && s->e->state == INET_LISTEN && inet_is_tcp(s->e) ? s->x->n_tcp_waiting
									   : 0;
	int ret = 0;

	if (!n)
		return 0;
	if (r->s->opts->tcp_close) {
		report_warn(&r->s->report, 0, inet_object(r, s),
			    "has connections that are not accepted yet", "--tcp-close drops them");
		return 0;
	}
	judge(r, s);
	s->waiting = arena_alloc(restore_arena(r), n * sizeof(*s->waiting));
	for (size_t i = 0; ret == 0 && i < n; i++) {
		s->waiting[i] = (struct tcp_planted){ .w = s->x->tcp_waiting[i] };
		ret = check_one(r, x, s, &s->waiting[i]);
	}
	s->n_waiting = n;
	x->n_waiting += n;
	return ret;
}

/* --- make ----------------------------------------------------------------------------------------
 */

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static struct tcp_plant_options options_of(const CrtoolsTcpWaiting *w)
{
	const TcpStreamEntry *t = w->stream;
	uint32_t least = w->own.len == 4 ? TCP_PLANT_SEGMENT_V4 : TCP_PLANT_SEGMENT_V6;

	return (struct tcp_plant_options){
		.peer_time = w->peer_time,
		.own_time = t->timestamp,
		.segment = t->mss_clamp > least ? t->mss_clamp : least, /* reset: it is no matter */
		.own_wscale = t->rcv_wscale,
		.peer_wscale = t->snd_wscale,
		.ecn = !!(t->opt_mask & TCPI_OPT_ECN),
		.wscale = !!(t->opt_mask & TCPI_OPT_WSCALE),
		.sack = !!(t->opt_mask & TCPI_OPT_SACK),
		.timestamps = !!(t->opt_mask & TCPI_OPT_TIMESTAMPS),
	};
}

/* State and bytes that wait; -ENOENT: there is none. */
static int look(int netlink, const struct inet_in *end, uint32_t *ret_state, uint32_t *ret_waiting)
{
	const InetSkEntry *e = end->e;
	struct inet_diag_sockid id = { .idiag_sport = htons(e->src_port),
				       .idiag_dport = htons(e->dst_port),
				       .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };
	struct tcp_info info;
	struct err err = { 0 };
	int ret;

	memcpy(id.idiag_src, e->src_addr, e->n_src_addr * sizeof(uint32_t));
	memcpy(id.idiag_dst, e->dst_addr, e->n_dst_addr * sizeof(uint32_t));
	ret = inet_diag_connection(netlink, e->family, &id, ret_waiting, &info, &err);
	*ret_state = ret < 0 ? 0 : info.tcpi_state;
	return ret;
}

static int plant(struct tcp_plant *p, int netlink, const struct tcp_planted *one)
{
	const TcpStreamEntry *t = one->w->stream;
	struct tcp_forged packet = { .e = one->end.e,
				     .seq = t->inq_seq - t->inq_len - one->w->peer_ended,
				     .ack = t->outq_seq,
				     .window = t->snd_wnd >> t->snd_wscale,
				     .priority = p->priority };
	struct tcp_plant_options o = options_of(one->w);
	uint32_t state, waiting;
	int ret;

	tcp_plant_next(p, &o);
	ret = tcp_forge(&packet);
	for (int i = 0; ret == 0 && i < PATIENCE; i++) {
		ret = tcp_plant_result(p);
		if (ret == 0 && look(netlink, &one->end, &state, &waiting) == 0 &&
		    state == INET_ESTABLISHED)
			return 0;
		ret = ret == -EAGAIN ? 0 : ret;
		nap();
	}
	return ret < 0 ? ret : -ETIMEDOUT;
}

/* Sends it until it is there: while the window is full, it may go lost. */
static int bring(int netlink, const struct tcp_planted *one, const struct tcp_forged *packet,
		 uint32_t want_state, uint32_t want_waiting)
{
	uint32_t state, waiting;
	int ret;

	for (int i = 0; i < PATIENCE; i++) {
		ret = tcp_forge(packet);
		if (ret < 0)
			return ret;
		ret = look(netlink, &one->end, &state, &waiting);
		if (ret < 0 && ret != -ENOENT)
			return ret;
		if (want_state == INET_CLOSE ? ret == -ENOENT
					     : state == want_state && waiting == want_waiting)
			return 0;
		nap();
	}
	return -ETIMEDOUT;
}

/* As long as the client's own were: the window grows with each by twice what is told to be the size
 * of a segment (tcp_grow_window() in net/ipv4/tcp_input.c), so it would stay behind longer ones. */
static uint32_t piece_of(const CrtoolsTcpWaiting *w, uint32_t left)
{
	uint32_t most = options_of(w).segment;

	most = most < TCP_FORGED_MAX ? most : TCP_FORGED_MAX;
	return left < most ? left : most;
}

static int bring_all(int netlink, const struct tcp_planted *one)
{
	const CrtoolsTcpWaiting *w = one->w;
	const TcpStreamEntry *t = w->stream;
	uint32_t done = 0, first = t->inq_seq - t->inq_len - w->peer_ended;
	struct tcp_forged packet = { .e = one->end.e,
				     .ack = t->outq_seq,
				     .window = t->snd_wnd >> t->snd_wscale };
	int ret = 0;

	while (ret == 0 && done < t->inq_len) {
		packet.seq = first + done;
		packet.data = one->end.queues + done;
		packet.len = piece_of(w, t->inq_len - done);
		done += packet.len;
		ret = bring(netlink, one, &packet, INET_ESTABLISHED, done);
	}
	packet.seq = first + done;
	packet.len = 0;
	packet.fin = true;
	if (ret == 0 && w->peer_ended)
		ret = bring(netlink, one, &packet, INET_CLOSE_WAIT, done + 1); /* it counts */
	packet.seq += w->peer_ended;
	packet.fin = false;
	packet.reset = true;
	return ret < 0 || !w->reset ? ret : bring(netlink, one, &packet, INET_CLOSE, 0);
}

/* A connection gets its listener's buffer, which grows as a program reads. What has come in full
 * pages may need more of it now: so the listener has more for that moment. */
struct room {
	int size, lock; /* as they were; size 0: there was enough */
};

static void set_room(int fd, int size, int lock)
{
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK_, &lock, sizeof(lock));
}

static struct room make_room(int fd, uint32_t len)
{
	struct room r = { .size = socket_int(fd, SOL_SOCKET, SO_RCVBUF, 0),
			  .lock = socket_int(fd, SOL_SOCKET, SO_BUF_LOCK_, 0) };

	if ((uint64_t)len * 4 <= (uint64_t)r.size)
		r.size = 0;
	else
		set_room(fd, len < INT32_MAX / 4 ? (int)len * 2 : INT32_MAX / 2, r.lock);
	return r;
}

static int make_one(struct restore_task *t, const struct tcp_planted *one, struct tcp_plant *p,
		    int netlink, int fd)
{
	struct room r = make_room(fd, one->w->stream->inq_len);
	int ret = tcp_failed(t, &one->end, "make a connection that is not accepted of",
			     plant(p, netlink, one));

	if (r.size)
		set_room(fd, r.size / 2, r.lock); /* the kernel doubles it */
	return ret < 0 ? ret
		       : tcp_failed(t, &one->end, "bring what was received to",
				    bring_all(netlink, one));
}

static int make_all(struct restore_task *t, struct inet_in *s, struct tcp_plant *p, int netlink,
		    int fd)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < s->n_waiting; i++)
		ret = make_one(t, &s->waiting[i], p, netlink, fd);
	return ret;
}

/* They take over the options of the listener. */
int tcp_waiting_make(struct restore_task *t, struct inet_in *s, int fd)
{
	_cleanup_fd_ int netlink = -1;
	struct tcp_plant p;
	int ret;

	if (!s->n_waiting)
		return 0;
	netlink = nl_open(NETLINK_SOCK_DIAG, restore_err(t->r));
	ret = netlink < 0 ? netlink : inet_set_reuse(t->r, restore_err(t->r), s, fd);
	if (ret < 0)
		return ret;
	/* More than the backlog allows, where that was made smaller. */
	if (s->n_waiting > s->e->backlog && listen(fd, (int)s->n_waiting) < 0)
		return inet_failed(t, s, "listen", "make room for those that wait at");
	ret = tcp_failed(t, s, "put a program for those that wait at the loopback device for",
			 tcp_plant_open(&p, fd));
	if (ret < 0)
		return ret;
	ret = make_all(t, s, &p, netlink, fd);
	tcp_plant_close(&p);
	inet_allow_reuse(s, fd);
	if (ret == 0 && s->n_waiting > s->e->backlog && listen(fd, (int)s->e->backlog) < 0)
		ret = inet_failed(t, s, "listen", "listen with");
	return ret;
}
