/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection made again. In repair mode (TCP_REPAIR, tcp(7) does not know it;
 * Documentation/networking of the kernel neither, see tcp_repair_set() and others in
 * net/ipv4/tcp.c) connect(2) makes an established connection without a packet. Then:
 *
 *   sequence numbers, before connecting: where each queue starts
 *   what was negotiated: SACK, window scales, timestamps, segment size
 *   the receive queue; of the send queue what had been sent
 *   the window
 *   what had not been sent, outside of repair mode
 *   the ends that were said, in their order: ours by shutdown(2), the peer's, and that it has heard
 *   ours, by packets in its name
 *   the window again, as those packets have changed it
 *
 * It stays in repair mode until the tree stands (tcp/in.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "image/reader.h"
#include "objects/socket/inet/inet.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#define TCP_REPAIR_OPTIONS_ 22
#define TCP_TIMESTAMP_	    24
#define TCP_REPAIR_WINDOW_  29
#define NO_COOKIE	    34
#define CHUNK		    (64 << 10)
#define MSS_MIN		    88 /* that setsockopt(2) takes: TCP_MIN_MSS, MAX_TCP_WINDOW */
#define MSS_MAX		    32767

int tcp_failed(struct restore_task *t, const struct inet_in *s, const char *what, int ret)
{
	if (ret == 0)
		return 0;
	errno = -ret;
	return inet_failed(t, s, "repair", what);
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_seq(int fd, int queue, uint32_t seq)
{
	int ret = set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, queue);

	return ret < 0 ? ret : set_int(fd, SOL_TCP, TCP_QUEUE_SEQ, (int)seq);
}

static int set_sequences(const struct inet_in *s, int fd)
{
	const TcpStreamEntry *t = s->stream;
	uint32_t state = s->e->state;
	int ret =
		set_seq(fd, TCP_SEND_QUEUE,
			t->outq_seq - t->outq_len - tcp_sent_fin(state) - (state == INET_SYN_SENT));

	/* This queue is the second: what was received is put in first. */
	return ret < 0 ? ret
		       : set_seq(fd, TCP_RECV_QUEUE,
				 t->inq_seq - t->inq_len - tcp_received_fin(state));
}

/*
 * The size of segments is worked out as the connection is made, of what the peer takes, which is
 * told the kernel only later; it would be that of a peer that has said nothing, 536 bytes less
 * options, until the peer's window grows beyond what it ever was (tcp_ack_update_window() in
 * net/ipv4/tcp_input.c), maybe never. So the peer's is set as if it were the program's limit, which
 * counts the same (tcp_connect_init() in net/ipv4/tcp_output.c), and taken away.
 */
static int connect_in_repair(const struct inet_in *s, int fd, const union inet_addr *peer)
{
	uint32_t mss = s->stream->mss_clamp;
	bool limited = mss >= MSS_MIN &&
		       set_int(fd, SOL_TCP, TCP_MAXSEG, mss < MSS_MAX ? (int)mss : MSS_MAX) == 0;
	int ret = connect(fd, &peer->sa, inet_addr_len(s->e));

	for (int i = 0; ret < 0 && errno == EADDRNOTAVAIL && i < INET_END_TRIES; i++) {
		inet_moment();
		ret = connect(fd, &peer->sa, inet_addr_len(s->e));
	}
	if (ret < 0)
		return -errno;
	return limited ? set_int(fd, SOL_TCP, TCP_MAXSEG, 0) : 0;
}

/* With a first packet that has data in it (TCP fast open). Without a cookie, which may not be known
 * here, the other end takes the data only when it is sent again behind its answer. */
static int connect_with_data(const struct inet_in *s, int fd, const union inet_addr *peer,
			     const char *data)
{
	uint32_t len = s->stream->outq_len;
	int ret = set_int(fd, SOL_TCP, NO_COOKIE, 1);
	ssize_t n;

	if (ret < 0)
		return ret;
	n = sendto(fd, data + s->stream->inq_len, len, MSG_FASTOPEN | MSG_NOSIGNAL, &peer->sa,
		   inet_addr_len(s->e));
	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EMSGSIZE;
}

static int connect_once(const struct inet_in *s, int fd, const union inet_addr *peer,
			const char *data)
{
	if (s->stream->outq_len)
		return connect_with_data(s, fd, peer, data);
	return connect(fd, &peer->sa, inet_addr_len(s->e)) < 0 && errno != EINPROGRESS ? -errno : 0;
}

/* One that waits for an answer is connected as ever; its first packet goes lost in the lock. */
static int connect_again(const struct inet_in *s, int fd, const char *data)
{
	union inet_addr peer;
	int flags, ret;

	inet_destination(s->e, &peer);
	if (s->e->state != INET_SYN_SENT)
		return connect_in_repair(s, fd, &peer);
	flags = fcntl(fd, F_GETFL);
	ret = tcp_repair(fd, TCP_REPAIR_END);
	if (ret < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return ret ?: -errno;
	ret = connect_once(s, fd, &peer, data);
	if (ret < 0 || fcntl(fd, F_SETFL, flags) < 0)
		return ret ?: -errno;
	return tcp_repair(fd, TCP_REPAIR_BEGIN);
}

static int set_negotiated(const struct inet_in *s, int fd)
{
	const TcpStreamEntry *t = s->stream;
	struct tcp_repair_opt opts[4];
	size_t n = 0;

	if (s->e->state == INET_SYN_SENT)
		return 0;
	if (t->opt_mask & TCPI_OPT_SACK)
		opts[n++] = (struct tcp_repair_opt){ TCPOPT_SACK_PERMITTED, 0 };
	if (t->opt_mask & TCPI_OPT_WSCALE)
		opts[n++] = (struct tcp_repair_opt){ TCPOPT_WINDOW,
						     t->snd_wscale | t->rcv_wscale << 16 };
	if (t->opt_mask & TCPI_OPT_TIMESTAMPS)
		opts[n++] = (struct tcp_repair_opt){ TCPOPT_TIMESTAMP, 0 };
	opts[n++] = (struct tcp_repair_opt){ TCPOPT_MAXSEG, t->mss_clamp };
	if (setsockopt(fd, SOL_TCP, TCP_REPAIR_OPTIONS_, opts, n * sizeof(*opts)) < 0)
		return -errno;
	return t->has_timestamp ? set_int(fd, SOL_TCP, TCP_TIMESTAMP_, (int)t->timestamp) : 0;
}

/* --- queues --------------------------------------------------------------------------------------
 */

int tcp_send_all(int fd, const char *data, size_t len, int flags)
{
	while (len) {
		ssize_t n = send(fd, data, len < CHUNK ? len : CHUNK, MSG_NOSIGNAL | flags);

		if (n <= 0)
			return n < 0 ? -errno : -ENOBUFS;
		data += n;
		len -= n;
	}
	return 0;
}

/* Data takes more room than it had where it came in by many small packets, or none for itself. */
bool tcp_make_room(int fd, int name, size_t len, uint32_t has)
{
	size_t want = 4 * len + (64 << 10);

	if (want <= has)
		return false;
	set_int(fd, SOL_SOCKET, name, want > INT_MAX / 2 ? INT_MAX / 2 : (int)want);
	return true;
}

int tcp_queues(struct restore_task *t, const struct inet_in *s, const TcpStreamEntry *stream,
	       const char **ret, char **ret_own)
{
	_cleanup_image_reader_ struct image_reader *reader = NULL;
	size_t len = (size_t)stream->inq_len + stream->outq_len;
	ProtobufCMessage *msg;
	int err;

	*ret = s->queues;
	if (*ret)
		return 0;
	*ret = *ret_own = malloc(len + 1);
	if (!*ret)
		return tcp_failed(t, s, "read the queues of", -ENOMEM);
	err = image_reader_open(t->r->s->images, IMAGE_TCP_STREAM, s->e->ino, restore_arena(t->r),
				restore_err(t->r), &reader);
	if (err == 0)
		err = image_read_msg(reader, NULL, restore_err(t->r), &msg);
	return err < 0 ? err : image_read_raw(reader, *ret_own, len, restore_err(t->r));
}

static int set_window(const struct inet_in *s, int fd, bool before_fin)
{
	const TcpStreamEntry *t = s->stream;
	uint32_t fin = before_fin && tcp_received_fin(s->e->state);
	struct tcp_repair_window w = { .snd_wl1 = t->snd_wl1 - fin,
				       .snd_wnd = t->snd_wnd,
				       .max_window = t->max_window,
				       .rcv_wnd = t->rcv_wnd + fin,
				       .rcv_wup = t->rcv_wup - fin };

	if (!t->has_rcv_wup || s->e->state == INET_SYN_SENT)
		return 0;
	return setsockopt(fd, SOL_TCP, TCP_REPAIR_WINDOW_, &w, sizeof(w)) < 0 ? -errno : 0;
}

bool tcp_stays_in_repair(const struct inet_in *s)
{
	return s->e->state == INET_ESTABLISHED && !s->stream->unsq_len;
}

static int fill_queues(const struct inet_in *s, int fd, const char *data)
{
	const TcpStreamEntry *t = s->stream;
	size_t sent = t->outq_len - t->unsq_len;
	int ret = tcp_send_all(fd, data, t->inq_len, MSG_DONTWAIT);

	if (ret == 0 && sent)
		ret = set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (ret == 0)
		ret = tcp_send_all(fd, data + t->inq_len, sent, MSG_DONTWAIT);
	if (ret == 0)
		ret = set_window(s, fd, true);
	if (ret < 0 || tcp_stays_in_repair(s))
		return ret;
	ret = tcp_repair(fd, TCP_REPAIR_END);
	return ret < 0 ? ret
		       : tcp_send_all(fd, data + t->inq_len + sent, t->unsq_len, MSG_DONTWAIT);
}

static int fill(const struct inet_in *s, int fd, const char *data)
{
	bool more = tcp_make_room(fd, SO_RCVBUFFORCE, s->stream->inq_len, s->e->opts->so_rcvbuf);
	int ret;

	more |= tcp_make_room(fd, SO_SNDBUFFORCE, s->stream->outq_len, s->e->opts->so_sndbuf);
	ret = fill_queues(s, fd, data);
	if (more)
		socket_options_buffers(s->e->opts, fd);
	return ret;
}

/* --- ends ----------------------------------------------------------------------------------------
 */

/* The packet goes by the loopback device; it may take a moment. */
int tcp_await_state(int fd, uint32_t state)
{
	struct timespec nap = { .tv_nsec = 1000000 };

	for (int i = 0; i < 2000; i++) {
		unsigned char now = 0;
		socklen_t len = sizeof(now);

		if (getsockopt(fd, SOL_TCP, TCP_INFO, &now, &len) < 0)
			return -errno;
		if (now == state)
			return 0;
		nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

static int hear(const struct inet_in *s, int fd, bool fin, uint32_t becomes)
{
	const TcpStreamEntry *t = s->stream;
	uint32_t window = t->snd_wnd >> t->snd_wscale;
	struct tcp_forged p = { .e = s->e, .fin = fin };
	int ret;

	p.seq = fin ? t->inq_seq - 1 : t->inq_seq;
	p.ack = fin ? t->outq_seq - t->outq_len - tcp_sent_fin(s->e->state) : t->outq_seq;
	p.window = window > UINT16_MAX ? UINT16_MAX : window;
	ret = tcp_forge(&p);
	return ret < 0 ? ret : tcp_await_state(fd, becomes);
}

/* In repair mode it counts as sent, so that its acknowledgement can be heard; the kernel sends it
 * again when that does not come. Behind what was not sent it waits for its turn. */
static int say(const struct inet_in *s, int fd)
{
	bool counts = !s->stream->unsq_len;
	int ret = counts ? tcp_repair(fd, TCP_REPAIR_BEGIN) : 0;

	if (ret == 0 && counts)
		ret = set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (ret == 0 && shutdown(fd, SHUT_WR) < 0)
		ret = -errno;
	return ret < 0 || !counts ? ret : tcp_repair(fd, TCP_REPAIR_END);
}

static int end(const struct inet_in *s, int fd)
{
	bool first = s->e->state == INET_FIN_WAIT1 || s->e->state == INET_FIN_WAIT2 ||
		     s->e->state == INET_CLOSING;
	int ret = 0;

	if (first)
		ret = say(s, fd);
	if (ret == 0 && tcp_received_fin(s->e->state))
		ret = hear(s, fd, true, first ? INET_CLOSING : INET_CLOSE_WAIT);
	if (ret == 0 && !first && tcp_sent_fin(s->e->state))
		ret = say(s, fd);
	if (ret == 0 && s->e->state == INET_FIN_WAIT2)
		ret = hear(s, fd, false, INET_FIN_WAIT2);
	return ret;
}

static int bind_again(const struct inet_in *s, int fd)
{
	bool v4 = s->e->family == AF_INET;
	union inet_addr own;

	inet_source(s->e, &own);
	if (inet_may_be_away(s))
		set_int(fd, inet_level(s->e), v4 ? IP_FREEBIND : IPV6_FREEBIND, 1);
	return bind(fd, &own.sa, inet_addr_len(s->e)) < 0 ? -errno : 0;
}

/* Said by the program, and not by the peer's end. What waits can still be read. */
static int read_no_more(const struct inet_in *s, int fd)
{
	if (!s->e->has_shutdown || !(s->e->shutdown & 1) || tcp_received_fin(s->e->state) ||
	    s->e->state == INET_SYN_SENT)
		return 0;
	return shutdown(fd, SHUT_RD) < 0 ? -errno : 0;
}

static int finish(const struct inet_in *s, int fd)
{
	int ret;

	if (tcp_stays_in_repair(s))
		return read_no_more(s, fd);
	ret = end(s, fd);
	if (ret == 0)
		ret = tcp_repair(fd, TCP_REPAIR_BEGIN);
	if (ret == 0)
		ret = set_window(s, fd, false);
	return ret < 0 ? ret : read_no_more(s, fd);
}

int tcp_make(struct restore_task *t, struct inet_in *s, int fd)
{
	_cleanup_free_ char *own = NULL;
	const char *data;
	int ret = tcp_queues(t, s, s->stream, &data, &own);

	if (ret < 0)
		return ret;
	ret = tcp_repair(fd, TCP_REPAIR_BEGIN);
	if (ret == 0)
		ret = bind_again(s, fd);
	ret = tcp_failed(t, s, "give its address to", ret);
	if (ret == 0)
		ret = tcp_failed(t, s, "set the sequence numbers of", set_sequences(s, fd));
	if (ret == 0)
		ret = tcp_failed(t, s, "connect", connect_again(s, fd, data));
	if (ret == 0)
		ret = tcp_failed(t, s, "set what was negotiated for", set_negotiated(s, fd));
	if (ret == 0 && s->stream->unsq_len) /* cork and nodelay count when it is sent */
		ret = inet_options_late(t, s->file, s->e, fd);
	if (ret == 0 && s->e->state != INET_SYN_SENT)
		ret = tcp_failed(t, s, "fill the queues of", fill(s, fd, data));
	return ret < 0 ? ret : tcp_failed(t, s, "bring back the state of", finish(s, fd));
}
