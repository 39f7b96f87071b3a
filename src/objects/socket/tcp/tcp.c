/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections (tcp(7)): the dump.
 *
 * The kernel shows and sets what a connection is made of in repair mode (TCP_REPAIR, Linux 3.5,
 * CAP_NET_ADMIN; half-closed ones from 4.3 on): sequence numbers, queues, window. The order is:
 *
 *   1. collect: state and addresses, and all reasons against it.
 *   2. settle: a table of nf_tables drops all that the connections send and receive, so that they
 *      stand still; then their states are read again. Listeners hear nobody, and those that they
 *      have not accepted are locked and read with the others.
 *   3. write: each is put into repair mode, read, and taken out of it at once. A tool that is
 *      killed leaves a connection in repair mode only if it dies within these few calls; the
 *      journal tells crtools clean where to look.
 *   4. leave: a tree that is killed must not say so to its peers: a connection in repair mode ends
 *      without a word. Its table stays until the restore.
 *
 * Leaving repair mode takes SO_REUSEADDR away (do_tcp_setsockopt() in net/ipv4/tcp.c): it is set
 * again. The FIN of either end counts as one sequence number: it is in outq_seq and inq_seq, not in
 * the lengths.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/log.h"
#include "image/writer.h"
#include "kernel/nftables.h"
#include "kernel/pidfd.h"
#include "objects/socket/inet/inet.h"

#define TCP_TIMESTAMP_	   24
#define TCP_REPAIR_WINDOW_ 29
#define SYN_DATA_MAX	   (128 << 10)
#define TCP_ULP_	   31

int tcp_repair(int fd, enum tcp_repair how)
{
	int value = how;

	if (setsockopt(fd, SOL_TCP, TCP_REPAIR, &value, sizeof(value)) == 0)
		return 0;
	if (errno != EINVAL || how != TCP_REPAIR_END)
		return -errno;
	value = TCP_REPAIR_END_PROBE; /* before Linux 4.19: one more probe */
	return setsockopt(fd, SOL_TCP, TCP_REPAIR, &value, sizeof(value)) < 0 ? -errno : 0;
}

bool tcp_sent_fin(uint32_t state)
{
	return state == INET_FIN_WAIT1 || state == INET_FIN_WAIT2 || state == INET_CLOSING ||
	       state == INET_LAST_ACK || state == INET_CLOSE;
}

bool tcp_received_fin(uint32_t state)
{
	return state == INET_CLOSE_WAIT || state == INET_LAST_ACK || state == INET_CLOSING ||
	       state == INET_CLOSE;
}

/* The image has no place for a state in which a socket can't be. */
static bool is_kept_state(uint32_t state)
{
	return state != INET_SYN_RECV && state != INET_TIME_WAIT && state <= INET_CLOSING;
}

bool tcp_may_repair(struct inet_dump *x)
{
	_cleanup_fd_ int fd = -1;

	if (x->asked)
		return x->repairable;
	x->asked = true;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	x->repairable = fd >= 0 && tcp_repair(fd, TCP_REPAIR_BEGIN) == 0;
	return x->repairable;
}

int tcp_read_info(struct dump *d, const struct inet_out *s, int fd, struct tcp_info *ret)
{
	socklen_t len = sizeof(*ret);

	*ret = (struct tcp_info){ 0 };
	if (getsockopt(fd, SOL_TCP, TCP_INFO, ret, &len) < 0)
		return err_sys(dump_err(d), "getsockopt", "can't read the state of %s", s->object);
	return 0;
}

/* A look stops before urgent data that the program takes in line (SO_OOBINLINE). */
static bool has_urgent_in_line(int fd, const SkOptsEntry *opts)
{
	int all = 0, first = 0;
	ssize_t n;

	if (!opts->so_oobinline || ioctl(fd, SIOCINQ, &all) < 0 || !all)
		return false;
	if (ioctl(fd, SIOCATMARK, &first) == 0 && first)
		return true;
	n = recv(fd, NULL, all, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	return n >= 0 && n < all;
}

/* --- collect -------------------------------------------------------------------------------------
 */

int tcp_ask(const struct file_probe *p, const struct reader *r, struct inet_answers *a)
{
	union inet_addr peer = { 0 };
	socklen_t len = sizeof(peer);
	struct tcp_info info = { 0 };
	InetSkEntry *e = a->e;
	char byte;

	a->has_peer = getpeername(probe_local(p), &peer.sa, &len) == 0;
	if (a->has_peer)
		inet_addr_store(r->arena, &peer, &e->dst_addr, &e->n_dst_addr, &e->dst_port);
	len = sizeof(info);
	if (getsockopt(probe_local(p), SOL_TCP, TCP_INFO, &info, &len) < 0)
		return err_sys(r->err, "getsockopt", "can't read the state of descriptor %d (%s)",
			       p->fd, p->link.path);
	a->state = info.tcpi_state;
	a->signs = tcp_keys_hidden(probe_local(p));
	if (a->state == INET_LISTEN)
		return 0;
	len = sizeof(a->protocol) - 1;
	if (getsockopt(probe_local(p), SOL_TCP, TCP_ULP_, a->protocol, &len) < 0 || !len)
		a->protocol[0] = '\0';
	a->urgent = recv(probe_local(p), &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) > 0 ||
		    has_urgent_in_line(probe_local(p), &a->options.e);
	return 0;
}

static void judge_connection(struct dump *d, struct inet_dump *x, struct inet_out *s,
			     const struct inet_answers *a)
{
	if (!d->s->opts->tcp_established)
		task_refuse(s->task, s->object, "is a TCP connection",
			    "keep it with --tcp-established, or close it with --tcp-close");
	else if (!tcp_may_repair(x))
		task_refuse(s->task, s->object,
			    "is a TCP connection, which takes CAP_NET_ADMIN and a kernel with "
			    "CONFIG_CHECKPOINT_RESTORE to keep",
			    "dump as root, or close it with --tcp-close");
	if (a->protocol[0])
		task_refuse(s->task, s->object,
			    arena_printf(dump_arena(d),
					 "has the protocol \"%s\" on top (TCP_ULP), whose state "
					 "can't be read",
					 a->protocol),
			    "close it before the dump");
	if (a->urgent)
		task_refuse(s->task, s->object, "has urgent data that was not read",
			    "try again when it was");
}

int tcp_collect(struct dump *d, struct inet_dump *x, struct inet_out *s, const struct file_probe *p)
{
	const struct inet_answers *a = p->answers;
	struct tcp_info info;
	int ret = 0;

	s->e->state = a->state;
	if (a->state == INET_LISTEN) {
		ret = tcp_read_info(d, s, probe_local(p), &info);
		return ret < 0 ? ret : tcp_listen_collect(d, x, s, probe_local(p), &info);
	}
	if (!a->has_peer && a->state == INET_CLOSE) {
		tcp_closed_collect(d, x, s, probe_local(p));
		return 0;
	}
	/* One in SYN_SENT does not show it by its name. */
	if (!a->has_peer)
		ret = inet_find_peer(d, x, s->e);
	if (ret < 0)
		return ret;
	s->connection = true;
	arena_push(dump_arena(d), x->connections, x->n, s);
	if (d->s->opts->tcp_close)
		return 0;
	s->kept = true;
	judge_connection(d, x, s, a);
	return 0;
}

/* --- settle --------------------------------------------------------------------------------------
 */

int tcp_borrow(struct dump *d, const struct inet_out *s)
{
	return pidfd_get(s->task->stop->pidfd, s->fd, dump_err(d));
}

struct nft_connection tcp_connection(const InetSkEntry *e)
{
	struct nft_connection c = { .family = e->family,
				    .src_port = e->src_port,
				    .dst_port = e->dst_port };

	if (e->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)e->dst_addr)) {
		c.family = AF_INET;
		c.src[0] = e->src_addr[3];
		c.dst[0] = e->dst_addr[3];
		return c;
	}
	memcpy(c.src, e->src_addr, e->n_src_addr * sizeof(uint32_t));
	memcpy(c.dst, e->dst_addr, e->n_dst_addr * sizeof(uint32_t));
	return c;
}

static void unlock(void *data)
{
	struct inet_dump *x = data;
	struct err err = { 0 };
	int ret = x->lock[0] ? nft_unlock(x->lock, &err) : 0;

	if (ret < 0 && ret != -ENOENT)
		log_error("can't remove the table %s of nf_tables: %s", x->lock, err.text);
	x->lock[0] = '\0';
}

/* all: n of them, those that wait to be accepted. */
static int lock(struct dump *d, struct inet_dump *x, struct nft_connection *all, size_t n)
{
	int ret;

	for (size_t i = 0; i < x->n; i++)
		if (x->connections[i]->kept && d->s->opts->tcp_established)
			arena_push(dump_arena(d), all, n, tcp_connection(x->connections[i]->e));
	if (!n)
		return 0;
	nft_lock_name(d->run_id, x->lock);
	journal_add(&d->s->journal, "netlock %s\n", x->lock);
	undo_push(&d->s->undo, unlock, x);
	ret = nft_lock(x->lock, all, n, dump_err(d));
	if (ret == -EEXIST)
		return err_set(dump_err(d), ERR_INTERNAL, EEXIST, "there is a table %s already",
			       x->lock);
	return ret;
}

/* By the peer's end, or by shutdown(SHUT_RD), which the peer does not hear of. */
static bool reads_no_more(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && p.revents & POLLRDHUP;
}

static int look_again(struct dump *d, struct inet_out *s)
{
	_cleanup_fd_ int fd = tcp_borrow(d, s);
	struct tcp_info info;
	uint32_t shut;
	int ret = fd < 0 ? fd : tcp_read_info(d, s, fd, &info);

	if (ret < 0)
		return ret;
	s->e->state = info.tcpi_state;
	shut = (reads_no_more(fd) ? 1 : 0) | (tcp_sent_fin(s->e->state) ? 2 : 0);
	s->e->has_shutdown = shut;
	s->e->shutdown = (SkShutdown)shut;
	if (!is_kept_state(s->e->state))
		task_refuse(s->task, s->object, "is between two states", "try again");
	tcp_keys_judge(s);
	return 0;
}

void tcp_note_tasks(struct dump *d, const char *what, struct inet_out **all, size_t n)
{
	const struct dump_task *last = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct dump_task *t = all[i]->task;

		if (t != last && !t->in_flight)
			journal_add(&d->s->journal, "%s %d %llu\n", what, t->stop->pid,
				    (unsigned long long)process_start_time(t->stop->pid));
		last = t;
	}
}

int tcp_settle(struct dump *d, struct inet_dump *x)
{
	struct nft_connection *waiting = NULL;
	size_t n_waiting = 0;
	int ret;

	if (x->settled || d->s->report.refusals)
		return 0;
	x->settled = true;
	ret = tcp_listen_settle(d, x);
	if (ret == 0)
		ret = tcp_waiting_find(d, x, &waiting, &n_waiting);
	if (ret < 0)
		return ret;
	d->inventory->has_network_lock_method = x->n + n_waiting > 0;
	d->inventory->network_lock_method = d->s->opts->network_lock >= LOCK_SKIP ? LOCK_SKIP
										  : LOCK_NFTABLES;
	if (d->inventory->network_lock_method == LOCK_NFTABLES)
		ret = lock(d, x, waiting, n_waiting);
	if (ret == 0)
		tcp_note_tasks(d, "repair", x->connections, x->n);
	for (size_t i = 0; ret == 0 && i < x->n; i++)
		if (x->connections[i]->kept)
			ret = look_again(d, x->connections[i]);
	return ret < 0 ? ret : tcp_waiting_read(d, x);
}

/* --- write ---------------------------------------------------------------------------------------
 */

static int queue_seq(int fd, int queue, uint32_t *ret)
{
	socklen_t len = sizeof(*ret);

	if (setsockopt(fd, SOL_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) < 0 ||
	    getsockopt(fd, SOL_TCP, TCP_QUEUE_SEQ, ret, &len) < 0)
		return -errno;
	return 0;
}

static int queue_lengths(int fd, uint32_t state, TcpStreamEntry *t)
{
	int in = 0, out = 0, unsent = 0;
	bool fin_waits = tcp_sent_fin(state) && state != INET_FIN_WAIT2 && state != INET_CLOSE;

	if (ioctl(fd, SIOCINQ, &in) < 0 || ioctl(fd, SIOCOUTQ, &out) < 0 ||
	    ioctl(fd, SIOCOUTQNSD, &unsent) < 0)
		return -errno;
	if (state == INET_CLOSE || state == INET_SYN_SENT)
		out = unsent = 0;
	t->inq_len = in;
	t->outq_len = out - (fin_waits && out);
	t->has_unsq_len = true;
	t->unsq_len = unsent - (fin_waits && unsent);
	return 0;
}

static void read_window(int fd, TcpStreamEntry *t)
{
	struct tcp_repair_window w;
	socklen_t len = sizeof(w);

	if (getsockopt(fd, SOL_TCP, TCP_REPAIR_WINDOW_, &w, &len) < 0)
		return;
	t->has_snd_wl1 = t->has_snd_wnd = t->has_max_window = t->has_rcv_wnd = t->has_rcv_wup =
		true;
	t->snd_wl1 = w.snd_wl1;
	t->snd_wnd = w.snd_wnd;
	t->max_window = w.max_window;
	t->rcv_wnd = w.rcv_wnd;
	t->rcv_wup = w.rcv_wup;
}

static void read_negotiated(int fd, const struct tcp_info *info, TcpStreamEntry *t)
{
	t->opt_mask = info->tcpi_options &
		      (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE | TCPI_OPT_ECN);
	if (t->opt_mask & TCPI_OPT_WSCALE) {
		t->snd_wscale = info->tcpi_snd_wscale;
		t->has_rcv_wscale = true;
		t->rcv_wscale = info->tcpi_rcv_wscale;
	}
	t->mss_clamp = socket_int(fd, SOL_TCP, TCP_MAXSEG, 536);
	if (t->opt_mask & TCPI_OPT_TIMESTAMPS) {
		t->has_timestamp = true;
		t->timestamp = socket_int(fd, SOL_TCP, TCP_TIMESTAMP_, 0);
	}
}

/* In repair mode; a queue is peeked at as a whole. */
static int peek(int fd, int queue, char *buf, uint32_t len)
{
	ssize_t n;

	if (!len)
		return 0;
	if (setsockopt(fd, SOL_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) < 0)
		return -errno;
	n = recv(fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	return n < 0 ? -errno : n == (ssize_t)len ? 0 : -EMSGSIZE;
}

/* What went along with the SYN (TCP_FASTOPEN_CONNECT, MSG_FASTOPEN) and is not acknowledged: a
 * segment at most, whose length no call tells. */
static int peek_syn(int fd, TcpStreamEntry *t, char **ret_data)
{
	int queue = TCP_SEND_QUEUE;
	ssize_t n;

	*ret_data = malloc(SYN_DATA_MAX);
	if (!*ret_data)
		return -ENOMEM;
	if (setsockopt(fd, SOL_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) < 0)
		return -errno;
	n = recv(fd, *ret_data, SYN_DATA_MAX, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	t->outq_len = t->unsq_len = n;
	return n == SYN_DATA_MAX ? -EMSGSIZE : 0;
}

/* *ret_data: both queues, the caller's to free. */
static int read_connection(int fd, uint32_t state, const struct tcp_info *info, TcpStreamEntry *t,
			   char **ret_data)
{
	int ret = queue_seq(fd, TCP_SEND_QUEUE, &t->outq_seq);

	if (ret == 0)
		ret = queue_seq(fd, TCP_RECV_QUEUE, &t->inq_seq);
	if (ret == 0)
		ret = queue_lengths(fd, state, t);
	if (ret < 0)
		return ret;
	read_negotiated(fd, info, t);
	if (state != INET_CLOSE)
		read_window(fd, t);
	if (state == INET_SYN_SENT)
		return peek_syn(fd, t, ret_data);
	*ret_data = malloc((size_t)t->inq_len + t->outq_len + 1);
	if (!*ret_data)
		return -ENOMEM;
	ret = peek(fd, TCP_RECV_QUEUE, *ret_data, t->inq_len);
	return ret < 0 ? ret : peek(fd, TCP_SEND_QUEUE, *ret_data + t->inq_len, t->outq_len);
}

static void end_repair(const struct inet_out *s, int fd, enum tcp_repair how)
{
	int reuse = s->e->opts->reuseaddr;

	tcp_repair(fd, how);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
}

int tcp_write(struct dump *d, struct inet_out *s)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	TcpStreamEntry t = TCP_STREAM_ENTRY__INIT;
	_cleanup_free_ char *data = NULL;
	_cleanup_fd_ int fd = -1;
	struct tcp_info info;
	int ret;

	if (!s->kept)
		return 0;
	fd = tcp_borrow(d, s);
	ret = fd < 0 ? fd : tcp_read_info(d, s, fd, &info);
	if (ret < 0)
		return ret;
	ret = tcp_repair(fd, TCP_REPAIR_BEGIN);
	if (ret == 0)
		ret = fault_at("dump-repair", dump_err(d));
	if (ret == 0)
		ret = read_connection(fd, s->e->state, &info, &t, &data);
	end_repair(s, fd, TCP_REPAIR_END);
	if (ret < 0) {
		errno = -ret;
		return err_sys(dump_err(d), "repair", "can't read the TCP connection of %s",
			       s->object);
	}
	ret = image_writer_open(d->s->images, IMAGE_TCP_STREAM, s->e->ino, dump_err(d), &w);
	if (ret == 0)
		ret = image_write_msg(w, &t.base, dump_err(d));
	if (ret == 0)
		ret = image_write_raw(w, data, (size_t)t.inq_len + t.outq_len, dump_err(d));
	return ret < 0 ? ret : image_writer_close(&w, dump_err(d));
}

/* --- leave ---------------------------------------------------------------------------------------
 */

void tcp_leave(struct dump *d, struct inet_dump *x, bool killed)
{
	struct err err = { 0 };

	if (x->left)
		return;
	x->left = true;
	for (size_t i = 0; killed && i < x->n; i++) {
		const struct inet_out *s = x->connections[i];
		_cleanup_fd_ int fd = -1;

		if (!s->kept)
			continue;
		fd = pidfd_get(s->task->stop->pidfd, s->fd, &err);
		if (fd < 0 || tcp_repair(fd, TCP_REPAIR_BEGIN) < 0)
			log_warn("the peer of %s will see the connection end", s->object);
	}
	if (!killed)
		unlock(x);
	tcp_listen_leave(x);
	(void)d;
}
