/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet sockets (ip(7), ipv6(7)): TCP, UDP, UDP-Lite, ICMP echo ("ping") and raw: the class, and
 * what a dump learns of each.
 *
 * Kept: family, type, protocol, addresses and ports, whether it listens and with what backlog, to
 * whom a datagram socket is connected, what was shut down, options, multicast groups, flags, owner;
 * TCP connections in tcp.c.
 * State and addresses come from the descriptor; what it does not tell (the peer of a raw socket,
 * what a datagram socket has shut down) from sock_diag(7) or, of ping sockets, /proc/net/icmp.
 *
 * Datagrams that wait to be read are kept by inet/queue.c. What a UDP socket holds back (UDP_CORK)
 * can't be read: refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "kernel/sock_diag.h"
#include "objects/socket/inet/inet.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* A listing of sockets, made when one of the kind is met first. */
struct listing {
	int family, protocol;
	struct hash by_ino; /* struct inet_diag_info */
	struct listing *next;
};
static bool inet_match(const struct file_probe *p)
{
	return socket_is(p, AF_INET) || socket_is(p, AF_INET6);
}

static void dump_drop(void *data)
{
	struct inet_dump *x = data;

	close_fd(&x->netlink);
	for (struct listing *l = x->listings; l; l = l->next)
		hash_free(&l->by_ino);
	hash_free(&x->local);
}

static int inet_dump_of(struct dump *d, struct inet_dump **ret)
{
	struct inet_dump *x = d->priv[SLOT_INET];

	*ret = x;
	if (x)
		return 0;
	*ret = x = d->priv[SLOT_INET] = arena_new(dump_arena(d), struct inet_dump);
	undo_push(&d->s->undo, dump_drop, x);
	x->netlink = nl_open(NETLINK_SOCK_DIAG, dump_err(d));
	if (x->netlink < 0)
		return x->netlink;
	x->netns_cookie = socket_netns_cookie(x->netlink);
	return 0;
}

/* --- what the descriptor does not tell ---------------------------------------------------------- */

/* "  1: 0100007F:0001 00000000:0000 07 …": address words as the kernel's, ports in hexadecimal; the
 * inode is the tenth field. */
static void read_pings(struct dump *d, struct listing *l)
{
	_cleanup_file_ FILE *file =
		fopen(l->family == AF_INET ? "/proc/net/icmp" : "/proc/net/icmp6", "re");
	char line[512], src[33], dst[33];
	unsigned sport, dport, state, ino;

	while (file && fgets(line, sizeof(line), file)) {
		struct inet_diag_info *info;

		if (sscanf(line, " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %*s %*s %*s %*u %*u %u",
			   src, &sport, dst, &dport, &state, &ino) != 6)
			continue;
		info = arena_new(dump_arena(d), struct inet_diag_info);
		*info = (struct inet_diag_info){
			.ino = ino, .state = state, .src_port = sport, .dst_port = dport
		};
		for (int i = 0; i < 4 && dst[8 * i]; i++)
			sscanf(dst + 8 * i, "%8x", &info->dst[i]);
		hash_put(&l->by_ino, ino, info);
	}
}

/* *ret: NULL where the kernel does not list it: it has neither port nor peer. */
static int find_listed(struct dump *d, struct inet_dump *x, const InetSkEntry *e,
		       const struct inet_diag_info **ret)
{
	int protocol = e->type == SOCK_RAW ? (int)IPPROTO_RAW : (int)e->proto, err = 0;
	struct listing *l = x->listings;

	for (; l; l = l->next)
		if (l->family == (int)e->family && l->protocol == protocol)
			break;
	if (!l) {
		l = arena_new(dump_arena(d), struct listing);
		*l = (struct listing){ e->family, protocol, .next = x->listings };
		x->listings = l;
		if (e->type != SOCK_RAW && !inet_has_ports(e))
			read_pings(d, l);
		else
			err = inet_diag_all(x->netlink, e->family, protocol, dump_arena(d),
					    &l->by_ino, dump_err(d));
	}
	*ret = hash_get(&l->by_ino, e->ino);
	return err == -ENOENT ? 0 : err;
}

int inet_find_peer(struct dump *d, struct inet_dump *x, InetSkEntry *e)
{
	const struct inet_diag_info *info;
	int ret = find_listed(d, x, e, &info);

	if (ret < 0 || !info)
		return ret;
	memcpy(e->dst_addr, info->dst, e->n_dst_addr * sizeof(*e->dst_addr));
	e->dst_port = info->dst_port;
	return 0;
}

/* Both directions, or receiving alone: poll(2) tells. */
static uint32_t shut_by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	poll(&p, 1, 0);
	return p.revents & POLLHUP ? 3 : p.revents & POLLRDHUP ? 1 : 0;
}

static void set_shutdown(InetSkEntry *e, uint32_t bits)
{
	e->has_shutdown = bits;
	e->shutdown = (SkShutdown)bits;
}

static int collect_datagram(struct dump *d, struct inet_dump *x, struct inet_out *s,
			    const struct file_probe *p)
{
	InetSkEntry *e = s->e;
	const struct inet_diag_info *info;
	union inet_addr peer = { 0 };
	socklen_t len = sizeof(peer);
	int ret = find_listed(d, x, e, &info);

	if (ret < 0)
		return ret;
	e->state = INET_CLOSE;
	if (getpeername(probe_local(p), &peer.sa, &len) == 0) {
		e->state = INET_ESTABLISHED;
		inet_addr_store(dump_arena(d), &peer, &e->dst_addr, &e->n_dst_addr, &e->dst_port);
	} else if (info && info->state == INET_ESTABLISHED) {
		e->state = INET_ESTABLISHED;
		memcpy(e->dst_addr, info->dst, e->n_dst_addr * sizeof(*e->dst_addr));
		e->dst_port = info->dst_port;
	}
	set_shutdown(e, info && inet_has_ports(e) ? info->shutdown : shut_by_poll(probe_local(p)));
	return 0;
}

static bool is_corked(const struct inet_out *s, int fd)
{
	int held = 0;

	return inet_has_ports(s->e) && socket_int(fd, s->e->proto, UDP_CORK, 0) &&
	       ioctl(fd, SIOCOUTQ, &held) == 0 && held;
}

static int judge_queue(struct dump *d, struct inet_out *s, const struct file_probe *p)
{
	int peek = ((const struct inet_answers *)p->answers)->peek_off;

	if (peek >= 0) {
		socket_extra(d, s->file)->has_peek_off = true;
		socket_extra(d, s->file)->peek_off = peek;
	}
	if (inet_is_tcp(s->e))
		return 0;
	if (is_corked(s, probe_local(p)))
		task_refuse(s->task, s->object,
			    "holds back a part of a datagram (UDP_CORK), which can't be read",
			    "try again when it was sent");
	return inet_queue_collect(d, s, probe_local(p));
}

/* --- all -----------------------------------------------------------------------------------------
 */

/* Link-local addresses mean something only with their device. */
static void note_device(struct arena *arena, InetSkEntry *e, const union inet_addr *a)
{
	char name[IFNAMSIZ];

	if (a->sa.sa_family == AF_INET6 && a->v6.sin6_scope_id &&
	    if_indextoname(a->v6.sin6_scope_id, name))
		e->ifname = arena_strdup(arena, name);
}

static int fill_entry(InetSkEntry *e, const struct file_probe *p, const struct reader *r)
{
	int family = p->domain;
	union inet_addr own = { 0 }, none = { .sa.sa_family = family };
	socklen_t len = sizeof(own);

	e->ino = p->stat.st_ino;
	e->family = family;
	e->type = socket_int(probe_local(p), SOL_SOCKET, SO_TYPE, 0);
	e->proto = socket_int(probe_local(p), SOL_SOCKET, SO_PROTOCOL, 0);
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->has_ns_id = p->task->ids && p->task->ids->has_net_ns_id;
	e->ns_id = e->has_ns_id ? p->task->ids->net_ns_id : 0;
	if (getsockname(probe_local(p), &own.sa, &len) < 0)
		return err_sys(r->err, "getsockname",
			       "can't read the address of descriptor %d (%s)", p->fd, p->link.path);
	inet_addr_store(r->arena, &own, &e->src_addr, &e->n_src_addr, &e->src_port);
	inet_addr_store(r->arena, &none, &e->dst_addr, &e->n_dst_addr, &e->dst_port);
	note_device(r->arena, e, &own);
	e->has_v6only = family == AF_INET6;
	e->v6only = e->has_v6only && socket_int(probe_local(p), SOL_IPV6, IPV6_V6ONLY, 0);
	return 0;
}

static void note_address(struct dump *d, struct inet_dump *x, struct inet_out *s)
{
	union inet_addr own;

	if (inet_source(s->e, &own) && !inet_addr_is_any(&own) && !inet_is_local(&x->local, s->e))
		socket_extra(d, s->file)->has_address_away =
			socket_extra(d, s->file)->address_away = true;
}

static int inet_ask(const struct file_probe *p, const struct reader *r, void **ret)
{
	struct inet_answers *a = arena_new(r->brief, struct inet_answers);
	InetSkEntry *e = arena_msg(r->arena, InetSkEntry, inet_sk_entry);
	int err = fill_entry(e, p, r);

	*ret = a;
	a->e = e;
	if (err == 0)
		err = socket_options_ask(p, r, e->type, e->proto, &a->options);
	if (err < 0)
		return err;
	a->netns_cookie = socket_netns_cookie(probe_local(p));
	a->peek_off = socket_int(probe_local(p), SOL_SOCKET, SO_PEEK_OFF, -1);
	inet_options_ask(e, probe_local(p), r->arena);
	return inet_is_tcp(e) ? tcp_ask(p, r, a) : 0;
}

static bool refused_kind(struct inet_out *s, struct inet_dump *x, const struct inet_answers *a)
{
	const InetSkEntry *e = s->e;
	bool ping = e->proto == (e->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	const char *text = NULL;

	if (x->netns_cookie && a->netns_cookie != x->netns_cookie)
		text = "is of another network namespace than the tool's";
	else if (e->proto == IPPROTO_MPTCP)
		text = "is a multipath TCP socket, whose subflows the kernel does not show";
	else if (e->type == SOCK_STREAM && !inet_is_tcp(e))
		text = "is of a stream protocol other than TCP";
	else if (e->type == SOCK_DGRAM && e->proto != IPPROTO_UDP && e->proto != IPPROTO_UDPLITE &&
		 !ping)
		text = "is of a datagram protocol other than UDP, UDP-Lite and ICMP echo";
	else if (e->type != SOCK_STREAM && e->type != SOCK_DGRAM && e->type != SOCK_RAW)
		text = "is of a type that is not kept by this version";
	if (text)
		task_refuse(s->task, s->object, text, "close it before the dump");
	return text;
}

static int inet_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	struct inet_out *s = arena_new(dump_arena(d), struct inet_out);
	const struct inet_answers *a = p->answers;
	struct inet_dump *x;
	int ret = inet_dump_of(d, &x);

	if (ret < 0)
		return ret;
	*s = (struct inet_out){ .file = f, .task = p->task, .fd = p->fd, .object = probe_object(p) };
	s->e = f->entry->isk = a->e;
	s->e->id = f->entry->id;
	if (refused_kind(s, x, a))
		return 0;
	f->priv = s;
	ret = inet_is_tcp(s->e) ? tcp_collect(d, x, s, p) : collect_datagram(d, x, s, p);
	if (ret < 0)
		return ret;
	s->e->opts = socket_options_take(d, f, p, &a->options);
	ret = fown_collect(d, p, &s->e->fown);
	if (ret == 0 && (s->kept || s->e->state == INET_LISTEN))
		ret = tcp_keys_collect(d, x, s, a);
	if (ret < 0)
		return ret;
	inet_steering_judge(d, s, p);
	note_address(d, x, s);
	ret = judge_queue(d, s, p);
	return ret < 0 ? ret : inet_groups_collect(d, s, p);
}

static int inet_settle(struct dump *d, struct dump_file *f)
{
	return f->priv ? tcp_settle(d, d->priv[SLOT_INET]) : 0;
}

static int inet_write(struct dump *d, struct dump_file *f)
{
	return f->priv ? tcp_write(d, f->priv) : 0;
}

static void inet_leave(struct dump *d, struct dump_file *f, bool killed)
{
	if (f->priv)
		tcp_leave(d, d->priv[SLOT_INET], killed);
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int inet_prepare(struct restore *r, struct restore_file *f)
{
	(void)f;
	return tcp_prepare(r, r->priv[SLOT_INET]);
}

static void inet_release(struct restore *r, struct restore_file *f)
{
	(void)f;
	tcp_release(r, r->priv[SLOT_INET]);
}

const struct file_class inet_class = {
	.name = "internet socket",
	.type = FD_TYPES__INETSK,
	.match = inet_match,
	.ask = inet_ask,
	.asks_much = true,
	.collect = inet_collect,
	.settle = inet_settle,
	.write = inet_write,
	.leave = inet_leave,
	.check = inet_check,
	.prepare = inet_prepare,
	.open = inet_open,
	.furnish = inet_furnish,
	.attach = inet_attach,
	.release = inet_release,
};
