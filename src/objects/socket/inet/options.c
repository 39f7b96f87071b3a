/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of internet sockets that inet_sk_entry has fields for (ip(7), ipv6(7), raw(7),
 * tcp(7)). All others are in options.def.
 *
 * A socket that does not allow an address that is not the host's (freebind, transparent) may be
 * bound to one: it allowed it then. So freebind is set while it is bound, where the address asks
 * for it (inet/make.c), and gets its final value here.
 */
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif

#define ICMP_FILTER_	   1
#define ICMPV6_FILTER_	   1
#define ICMP6_FILTER_WORDS 8

/* One field that is an option with an int; number 0: the family has none. */
struct field {
	const char *text;
	int level4, name4, level6, name6;
	size_t has, value; /* in its message */
	bool is_bool;
};

#define FIELD(type, member, text, is_bool, level4, name4, level6, name6)                           \
	{                                                                                          \
		text, level4, name4, level6, name6, offsetof(type, has_##member),                  \
			offsetof(type, member), is_bool                                            \
	}
static const struct field ip_fields[] = {
	/* freebind is the first */
	FIELD(IpOptsEntry, freebind, "IP_FREEBIND", true, SOL_IP, IP_FREEBIND, SOL_IPV6,
	      IPV6_FREEBIND),
	FIELD(IpOptsEntry, pktinfo, "IP_PKTINFO", true, SOL_IP, IP_PKTINFO, SOL_IPV6,
	      IPV6_RECVPKTINFO),
	FIELD(IpOptsEntry, tos, "IP_TOS", false, SOL_IP, IP_TOS, 0, 0),
	FIELD(IpOptsEntry, ttl, "IP_TTL", false, SOL_IP, IP_TTL, 0, 0),
};
static const struct field raw_fields[] = {
	FIELD(IpOptsRawEntry, hdrincl, "IP_HDRINCL", true, SOL_IP, IP_HDRINCL, SOL_IPV6,
	      IPV6_HDRINCL),
	FIELD(IpOptsRawEntry, nodefrag, "IP_NODEFRAG", true, SOL_IP, IP_NODEFRAG, 0, 0),
};
static const struct field tcp_fields[] = {
	FIELD(TcpOptsEntry, nodelay, "TCP_NODELAY", true, SOL_TCP, TCP_NODELAY, SOL_TCP,
	      TCP_NODELAY),
	FIELD(TcpOptsEntry, cork, "TCP_CORK", true, SOL_TCP, TCP_CORK, SOL_TCP, TCP_CORK),
	FIELD(TcpOptsEntry, keepcnt, "TCP_KEEPCNT", false, SOL_TCP, TCP_KEEPCNT, SOL_TCP,
	      TCP_KEEPCNT),
	FIELD(TcpOptsEntry, keepidle, "TCP_KEEPIDLE", false, SOL_TCP, TCP_KEEPIDLE, SOL_TCP,
	      TCP_KEEPIDLE),
	FIELD(TcpOptsEntry, keepintvl, "TCP_KEEPINTVL", false, SOL_TCP, TCP_KEEPINTVL, SOL_TCP,
	      TCP_KEEPINTVL),
};
#undef FIELD

static void ask(const InetSkEntry *e, const struct field *fields, size_t n, int fd, void *msg)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];
		bool v4 = e->family == AF_INET;
		int name = v4 ? f->name4 : f->name6;
		int value = name ? socket_int(fd, v4 ? f->level4 : f->level6, name, 0) : 0;

		if (!value)
			continue;
		*(protobuf_c_boolean *)((char *)msg + f->has) = true;
		if (f->is_bool)
			*(protobuf_c_boolean *)((char *)msg + f->value) = value;
		else
			*(uint32_t *)((char *)msg + f->value) = value;
	}
}

static bool has_filter(const InetSkEntry *e)
{
	return e->type == SOCK_RAW &&
	       e->proto == (e->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
}

static void ask_raw(InetSkEntry *e, int fd, struct arena *arena)
{
	IpOptsRawEntry *raw = arena_msg(arena, IpOptsRawEntry, ip_opts_raw_entry);
	uint32_t words[ICMP6_FILTER_WORDS];
	socklen_t len = sizeof(words);

	ask(e, raw_fields, ARRAY_SIZE(raw_fields), fd, raw);
	if (has_filter(e) &&
	    getsockopt(fd, e->family == AF_INET ? SOL_RAW : SOL_ICMPV6,
		       e->family == AF_INET ? ICMP_FILTER_ : ICMPV6_FILTER_, words, &len) == 0) {
		raw->n_icmpv_filter = len / sizeof(*words);
		raw->icmpv_filter = arena_memdup(arena, words, len);
	}
	e->ip_opts->raw = raw;
}

void inet_options_ask(InetSkEntry *e, int fd, struct arena *arena)
{
	e->ip_opts = arena_msg(arena, IpOptsEntry, ip_opts_entry);
	ask(e, ip_fields, ARRAY_SIZE(ip_fields), fd, e->ip_opts);
	if (e->type == SOCK_RAW)
		ask_raw(e, fd, arena);
	if (!inet_is_tcp(e))
		return;
	e->tcp_opts = arena_msg(arena, TcpOptsEntry, tcp_opts_entry);
	ask(e, tcp_fields, ARRAY_SIZE(tcp_fields), fd, e->tcp_opts);
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int set_fields(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		      const struct field *fields, size_t n, int fd, const void *msg)
{
	bool v4 = e->family == AF_INET;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n; i++) {
		const struct field *o = &fields[i];
		const char *at = (const char *)msg + o->value;
		int name = v4 ? o->name4 : o->name6;

		if (!name || !*(const protobuf_c_boolean *)((const char *)msg + o->has))
			continue;
		ret = socket_set_int(t, f, fd, v4 ? o->level4 : o->level6, name, o->text,
				     o->is_bool ? *(const protobuf_c_boolean *)at
						: (int)*(const uint32_t *)at);
	}
	return ret;
}

static int set_filter(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		      int fd)
{
	const IpOptsRawEntry *raw = e->ip_opts->raw;
	bool v4 = e->family == AF_INET;
	size_t words = v4 ? 1 : ICMP6_FILTER_WORDS;

	if (!has_filter(e) || raw->n_icmpv_filter != words)
		return 0;
	if (setsockopt(fd, v4 ? SOL_RAW : SOL_ICMPV6, v4 ? ICMP_FILTER_ : ICMPV6_FILTER_,
		       raw->icmpv_filter, words * sizeof(uint32_t)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set the ICMP filter of socket %u",
		       f->id);
}

int inet_options_early(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		       int fd)
{
	if (e->family != AF_INET6 || !e->has_v6only || e->proto == IPPROTO_ICMPV6)
		return 0;
	return socket_set_int(t, f, fd, SOL_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY", e->v6only);
}

/* bind(2) may have asked for it, whatever its final value is. */
static int set_freebind(const struct inet_in *s, int fd)
{
	const InetSkEntry *e = s->e;
	int name = e->family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND;
	int value = e->ip_opts->has_freebind && e->ip_opts->freebind;

	if (!value && !inet_may_be_away(s))
		return 0;
	if (socket_int(fd, inet_level(e), name, 0) == value)
		return 0;
	return setsockopt(fd, inet_level(e), name, &value, sizeof(value));
}

/* Changes the priority (__ip_sock_set_tos() in net/ipv4/ip_sockglue.c). */
static bool sets_tos(const struct inet_in *s)
{
	if (s->e->ip_opts && s->e->ip_opts->has_tos)
		return true;
	for (size_t i = 0; s->x && i < s->x->n_option; i++)
		if (s->x->option[i]->level == SOL_IP && s->x->option[i]->name == IP_TOS)
			return true;
	return false;
}

int inet_options_priority(struct restore_task *t, const struct restore_file *f,
			  const InetSkEntry *e, int fd)
{
	int value = e->opts->so_priority;

	if (!e->opts->has_so_priority || !sets_tos(f->priv) ||
	    socket_int(fd, SOL_SOCKET, SO_PRIORITY, ~value) == value ||
	    setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &value, sizeof(value)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set SO_PRIORITY of socket %u to %d",
		       f->id, value);
}

int inet_options_late(struct restore_task *t, const struct restore_file *f, const InetSkEntry *e,
		      int fd)
{
	int ret = 0;

	if (e->ip_opts) {
		ret = set_freebind(f->priv, fd);
		if (ret < 0)
			return err_sys(restore_err(t->r), "setsockopt",
				       "can't set IP_FREEBIND of socket %u", f->id);
		ret = set_fields(t, f, e, ip_fields + 1, ARRAY_SIZE(ip_fields) - 1, fd, e->ip_opts);
		if (ret == 0 && e->ip_opts->raw && e->type == SOCK_RAW) {
			ret = set_fields(t, f, e, raw_fields, ARRAY_SIZE(raw_fields), fd,
					 e->ip_opts->raw);
			if (ret == 0)
				ret = set_filter(t, f, e, fd);
		}
	}
	if (ret == 0 && e->tcp_opts && inet_is_tcp(e))
		ret = set_fields(t, f, e, tcp_fields, ARRAY_SIZE(tcp_fields), fd, e->tcp_opts);
	return ret;
}
