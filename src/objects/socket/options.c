/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that sockets of all families have (socket(7)), in two tables (option_table.h): `fields`
 * are those of CRIU's sk_opts_entry; options.def lists what reads back as it is set and CRIU drops,
 * which is held against a new socket of the kind and kept where it differs.
 *
 * Buffer sizes read back as twice what is set (sock_setsockopt() in net/core/sock.c) and are set
 * with the _FORCE variants, which know no limit, where CAP_NET_ADMIN allows. Setting one locks it
 * against automatic sizes; SO_BUF_LOCK (Linux 5.14) puts the lock back as it was.
 *
 * A classic filter is read back with SO_GET_FILTER (Linux 3.8), also where it is locked. An eBPF
 * one can't be read, nor can those of a SO_REUSEPORT group.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "kernel/door.h"
#include "objects/socket/option_table.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct value {
	socklen_t len; /* 0: the kernel has no such option */
	unsigned char bytes[VALUE_MAX];
};

static void read_option(int fd, const struct option *o, struct value *ret)
{
	ret->len = sizeof(ret->bytes);
	if (getsockopt(fd, o->level, o->name, ret->bytes, &ret->len) < 0 ||
	    ret->len > sizeof(ret->bytes))
		ret->len = 0;
}

/* Asking for what the socket can't have costs a call each. */
static bool applies(const struct option *o, int family, int type, int protocol)
{
	if (!(o->families & sockopt_family(family)) ||
	    (o->families & NOT_STREAM && family == AF_UNIX && type == SOCK_STREAM))
		return false;
	switch (o->level) {
	case SOL_IP: /* in its multicast options an accepted connection has what the SYN showed */
		return protocol != IPPROTO_TCP || o->name < IP_MULTICAST_IF ||
		       o->name > IP_MULTICAST_LOOP;
	case SOL_IPV6:
		return family == AF_INET6 &&
		       (protocol != IPPROTO_TCP || o->name < IPV6_MULTICAST_IF ||
			o->name > IPV6_MULTICAST_LOOP);
	case SOL_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return protocol == o->level ||
		       (o->level == IPPROTO_UDP && protocol == IPPROTO_UDPLITE);
	default:
		return true;
	}
}

/* Can a socket that is made anew have what is said so (enum when)? One with a connection, or that
 * had one, can't: tcp_info starts with the state, and a new socket shows no end of the peer's. */
struct past {
	bool idle, asking;
};

static struct past past_of(int fd, int protocol)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	unsigned char state = TCP_CLOSE;
	socklen_t len = sizeof(state);

	if (protocol != IPPROTO_TCP || getsockopt(fd, SOL_TCP, TCP_INFO, &state, &len) < 0 ||
	    state == TCP_LISTEN)
		return (struct past){ true, true };
	if (state == TCP_SYN_SENT)
		return (struct past){ .asking = true };
	if (state != TCP_CLOSE || (poll(&p, 1, 0) > 0 && p.revents & POLLRDHUP))
		return (struct past){ 0 };
	return (struct past){ true, true };
}

static bool can_be_set(const struct option *o, const struct past *past)
{
	return o->when == IDLE ? past->idle : o->when != ASKING || past->asking;
}

/* What a new socket of a kind has. */
struct fresh {
	int family, type, protocol;
	struct value values[N_OPTIONS];
	struct fresh *next;
};

static const struct fresh *make_fresh(struct dump *d, struct arena *a, int family, int type,
				      int protocol)
{
	struct fresh *fresh = arena_new(a, struct fresh);
	_cleanup_fd_ int fd = -1;

	*fresh = (struct fresh){ family, type, protocol, .next = d->priv[SLOT_SOCKOPTS] };
	d->priv[SLOT_SOCKOPTS] = fresh;
	/* Where the tool may not make one, all options that are not 0 count as set. */
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	for (size_t i = 0; fd >= 0 && i < N_OPTIONS; i++)
		if (applies(&sockopts[i], family, type, protocol))
			read_option(fd, &sockopts[i], &fresh->values[i]);
	return fresh;
}

static const struct fresh *fresh_of(struct dump *d, struct arena *a, int family, int type,
				    int protocol)
{
	const struct fresh *fresh;

	pthread_mutex_lock(&d->common);
	for (fresh = d->priv[SLOT_SOCKOPTS]; fresh; fresh = fresh->next)
		if (fresh->family == family && fresh->type == type && fresh->protocol == protocol)
			break;
	if (!fresh)
		fresh = make_fresh(d, a, family, type, protocol);
	pthread_mutex_unlock(&d->common);
	return fresh;
}

static bool is_default(const struct value *v, const struct value *fresh)
{
	static const struct value zero;

	if (!fresh->len)
		return !memcmp(v->bytes, zero.bytes, v->len);
	return v->len == fresh->len && !memcmp(v->bytes, fresh->bytes, v->len);
}

static void keep_option(struct arena *a, int level, int name, const struct value *v,
			struct socket_answers *ret)
{
	CrtoolsSockopt *o = arena_msg(a, CrtoolsSockopt, crtools_sockopt);

	o->has_level = o->has_name = o->has_value = true;
	o->level = level;
	o->name = name;
	o->value.len = v->len;
	o->value.data = arena_memdup(a, v->bytes, v->len);
	arena_push(a, ret->option, ret->n_option, o);
}

static void ask_others(int fd, struct arena *a, const struct fresh *fresh,
		       struct socket_answers *ret)
{
	struct past past = past_of(fd, fresh->protocol);
	struct value v;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		/* What the new one does not have, this one has not either. */
		if (!applies(&sockopts[i], fresh->family, fresh->type, fresh->protocol) ||
		    !can_be_set(&sockopts[i], &past))
			continue;
		read_option(fd, &sockopts[i], &v);
		if (v.len && !is_default(&v, &fresh->values[i]))
			keep_option(a, sockopts[i].level, sockopts[i].name, &v, ret);
	}
}

/* --- dump ----------------------------------------------------------------------------------------
 */

bool socket_is(const struct file_probe *p, int family)
{
	return p->fd >= 0 && p->domain == family;
}

int socket_int(int fd, int level, int name, int otherwise)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) < 0 ? otherwise : value;
}

uint64_t socket_netns_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

static int ask_timeout(const struct file_probe *p, const struct reader *r, int name,
		       uint64_t *ret_sec, uint64_t *ret_usec)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (getsockopt(probe_local(p), SOL_SOCKET, name, &tv, &len) < 0)
		return err_sys(r->err, "getsockopt",
			       "can't read the timeouts of descriptor %d (%s)", p->fd,
			       p->link.path);
	*ret_sec = tv.tv_sec;
	*ret_usec = tv.tv_usec;
	return 0;
}

static void ask_device(const struct file_probe *p, struct arena *a, SkOptsEntry *e)
{
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof(name);

	if (getsockopt(probe_local(p), SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 && len &&
	    name[0])
		e->so_bound_dev = arena_printf(a, "%.*s", IFNAMSIZ - 1, name);
}

/* Unix sockets are asked for it only where they have a filter. */
static void ask_lock(int fd, struct arena *a, struct socket_answers *ret)
{
	struct value v = { .len = sizeof(int) };

	memcpy(v.bytes, &(int){ 1 }, sizeof(int));
	if (socket_int(fd, SOL_SOCKET, SO_LOCK_FILTER, 0))
		keep_option(a, SOL_SOCKET, SO_LOCK_FILTER, &v, ret);
}

static void ask_filter(int fd, struct arena *a, int family, struct socket_answers *ret)
{
	struct sock_filter code[FILTER_MAX];
	SkOptsEntry *e = &ret->e;
	socklen_t n = 0; /* instructions, not bytes: SO_GET_FILTER is like that */

	if (door_is_shut(fd)) /* left by a dump that was killed */
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n) < 0) {
		/* sk_get_filter() in net/core/filter.c: it has no classic program to show */
		ret->ebpf = errno == EACCES;
		return;
	}
	if (!n || n > FILTER_MAX || getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &n) < 0)
		return;
	e->so_filter = arena_array(a, uint64_t, n);
	for (; e->n_so_filter < n; e->n_so_filter++) {
		const struct sock_filter *in = &code[e->n_so_filter];

		e->so_filter[e->n_so_filter] = (uint64_t)in->code << 48 | (uint64_t)in->jt << 40 |
					       (uint64_t)in->jf << 32 | in->k;
	}
	if (family == AF_UNIX)
		ask_lock(fd, a, ret);
}

static void ask_linger(const struct file_probe *p, SkOptsEntry *e)
{
	struct linger l;
	socklen_t len = sizeof(l);

	if (getsockopt(probe_local(p), SOL_SOCKET, SO_LINGER, &l, &len) < 0 || !l.l_onoff)
		return;
	e->has_so_linger = true;
	e->so_linger = l.l_linger;
}

static void ask_fields(const struct file_probe *p, unsigned family, SkOptsEntry *e)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		int value;

		if (!(sockopt_fields[i].families & family))
			continue;
		value = socket_int(probe_local(p), SOL_SOCKET, sockopt_fields[i].name, 0);
		if (value || !sockopt_fields[i].only_if_set)
			sockopt_set(e, &sockopt_fields[i], value);
	}
}

/* The sizes of both buffers, by one call (Linux 4.12) where that is possible. It also tells whether
 * there may be a filter: each is charged to the memory of the socket's options (sk_filter_charge()
 * in net/core/filter.c). */
static bool ask_memory(int fd, SkOptsEntry *e)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
	    len > SK_MEMINFO_OPTMEM * sizeof(*info)) {
		e->so_sndbuf = info[SK_MEMINFO_SNDBUF];
		e->so_rcvbuf = info[SK_MEMINFO_RCVBUF];
		return info[SK_MEMINFO_OPTMEM];
	}
	e->so_sndbuf = socket_int(fd, SOL_SOCKET, SO_SNDBUF, 0);
	e->so_rcvbuf = socket_int(fd, SOL_SOCKET, SO_RCVBUF, 0);
	return true;
}

/* Of thousands of sockets most have what the last one has: those share one message. */
static SkOptsEntry *keep_options(struct dump *d, const SkOptsEntry *e)
{
	SkOptsEntry *last = d->priv[SLOT_SAMEOPTS];

	if (!last || memcmp(last, e, sizeof(*e)))
		last = d->priv[SLOT_SAMEOPTS] = arena_memdup(dump_arena(d), e, sizeof(*e));
	return last;
}

int socket_options_ask(const struct file_probe *p, const struct reader *r, int type, int protocol,
		       struct socket_answers *ret)
{
	int family = p->domain, fd = probe_local(p), lock, err;
	SkOptsEntry *e = &ret->e;

	memset(ret, 0, sizeof(*ret)); /* what lies between the members, too */
	sk_opts_entry__init(e);
	ret->charged = ask_memory(fd, e);
	lock = socket_int(fd, SOL_SOCKET, SO_BUF_LOCK, -1);
	e->has_so_buf_lock = lock >= 0;
	e->so_buf_lock = lock >= 0 ? lock : 0;
	err = ask_timeout(p, r, SO_SNDTIMEO, &e->so_snd_tmo_sec, &e->so_snd_tmo_usec);
	if (err == 0)
		err = ask_timeout(p, r, SO_RCVTIMEO, &e->so_rcv_tmo_sec, &e->so_rcv_tmo_usec);
	if (err < 0)
		return err;
	ask_fields(p, sockopt_family(family), e);
	if (family != AF_UNIX) /* which has no use for one */
		ask_device(p, r->arena, e);
	if (ret->charged)
		ask_filter(fd, r->arena, family, ret);
	ask_linger(p, e);
	ask_others(fd, r->arena, fresh_of(p->task->dump, r->arena, family, type, protocol), ret);
	return 0;
}

SkOptsEntry *socket_options_take(struct dump *d, const struct dump_file *f,
				 const struct file_probe *p, const struct socket_answers *a)
{
	if (a->ebpf)
		task_refuse(p->task, probe_object(p),
			    "has an eBPF filter, which can't be read out of the kernel",
			    "detach it before the dump (SO_DETACH_FILTER)");
	for (size_t i = 0; i < a->n_option; i++) {
		CrtoolsSocket *x = socket_extra(d, f);

		arena_push(dump_arena(d), x->option, x->n_option, a->option[i]);
	}
	return keep_options(d, &a->e);
}

int socket_options_collect(struct dump *d, struct dump_file *f, const struct file_probe *p,
			   int type, int protocol, SkOptsEntry **ret)
{
	struct reader r = dump_reader(d);
	struct socket_answers a;
	int err = socket_options_ask(p, &r, type, protocol, &a);

	if (err == 0)
		*ret = socket_options_take(d, f, p, &a);
	return err;
}
