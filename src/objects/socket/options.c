/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that sockets of all families have (socket(7)), in two tables: `fields` are those of
 * CRIU's sk_opts_entry; options.def lists what reads back as it is set and CRIU drops, which is
 * held against a new socket of the kind and kept where it differs.
 *
 * Buffer sizes read back as twice what is set (sock_setsockopt() in net/core/sock.c) and are set
 * with the _FORCE variants, which know no limit, where CAP_NET_ADMIN allows. Setting one locks it
 * against automatic sizes; SO_BUF_LOCK (Linux 5.14) puts the lock back as it was.
 *
 * A classic filter is read back with SO_GET_FILTER (Linux 3.8), also where it is locked. An eBPF
 * one can't be read, nor can those of a SO_REUSEPORT group.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/door.h"
#include "objects/socket/socket.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define FILTER_MAX 4096 /* BPF_MAXINSNS */
#define VALUE_MAX  64	/* of an option in options.def, bytes */

enum families {
	UNIX = 1,
	INET = 2,
	PACKET = 4,
	NETLINK = 8,
	VSOCK = 16,
	OTHER = 32,
	ANY = 63,
	NOT_UNIX = ANY & ~UNIX,
	NOT_STREAM = 1 << 16, /* of unix sockets: it has no bounds that a time could belong to */
};
/* IDLE: early, and only of a TCP socket without a connection; LAST: behind the filter */
enum when { EARLY, LATE, IDLE, LAST };

static unsigned family_bit(int family)
{
	switch (family) {
	case AF_UNIX:
		return UNIX;
	case AF_INET:
	case AF_INET6:
		return INET;
	case AF_PACKET:
		return PACKET;
	case AF_NETLINK:
		return NETLINK;
	case AF_VSOCK:
		return VSOCK;
	default:
		return OTHER;
	}
}

/* --- the fields of sk_opts_entry ------------------------------------------------------------- */

enum field_kind { FIELD_U32, FIELD_BOOL };

/* An optional field of the entry that is an option with an int. */
static const struct field {
	int name;
	const char *text;
	enum field_kind kind;
	size_t has, value; /* offsets */
	bool only_if_set;  /* CRIU leaves it out where it is 0 */
	unsigned families;
	enum when when;
} fields[] = {
#define FIELD(option, kind, member, only_if_set, families, when)                                   \
	{                                                                                          \
		option, #option, kind, offsetof(SkOptsEntry, has_##member),                        \
			offsetof(SkOptsEntry, member), only_if_set, families, when                 \
	}
	FIELD(SO_REUSEADDR, FIELD_BOOL, reuseaddr, false, ANY, EARLY),
	FIELD(SO_REUSEPORT, FIELD_BOOL, so_reuseport, false, ANY, EARLY),
	FIELD(SO_MARK, FIELD_U32, so_mark, true, ANY, EARLY),
	FIELD(SO_PRIORITY, FIELD_U32, so_priority, false, ANY, LATE),
	FIELD(SO_RCVLOWAT, FIELD_U32, so_rcvlowat, false, ANY, LATE),
	FIELD(SO_PASSCRED, FIELD_BOOL, so_passcred, false, UNIX | NETLINK, LATE),
	FIELD(SO_PASSSEC, FIELD_BOOL, so_passsec, false, UNIX | NETLINK, LATE),
	FIELD(SO_DONTROUTE, FIELD_BOOL, so_dontroute, false, ANY, LATE),
	FIELD(SO_NO_CHECK, FIELD_BOOL, so_no_check, false, ANY, LATE),
	FIELD(SO_BROADCAST, FIELD_BOOL, so_broadcast, false, ANY, LATE),
	FIELD(SO_KEEPALIVE, FIELD_BOOL, so_keepalive, false, ANY, LATE),
	FIELD(SO_OOBINLINE, FIELD_U32, so_oobinline, false, ANY, EARLY),
#undef FIELD
};

static protobuf_c_boolean *field_has(const SkOptsEntry *e, const struct field *f)
{
	return (protobuf_c_boolean *)((char *)e + f->has);
}

static void *field_value(const SkOptsEntry *e, const struct field *f)
{
	return (char *)e + f->value;
}

static int field_get(const SkOptsEntry *e, const struct field *f)
{
	return f->kind == FIELD_BOOL ? *(protobuf_c_boolean *)field_value(e, f)
				     : (int)*(uint32_t *)field_value(e, f);
}

static void field_set(SkOptsEntry *e, const struct field *f, int value)
{
	*field_has(e, f) = true;
	if (f->kind == FIELD_BOOL)
		*(protobuf_c_boolean *)field_value(e, f) = value;
	else
		*(uint32_t *)field_value(e, f) = value;
}

/* --- options.def -------------------------------------------------------------------------------
 */

static const struct option {
	int level, name;
	const char *text;
	unsigned families;
	enum when when;
} options[] = {
#define OPTION(level, number, text, families, when) { level, number, text, families, when },
#include "objects/socket/options.def"
#undef OPTION
};

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
	if (!(o->families & family_bit(family)) ||
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

/* Or had one: tcp_info starts with the state, and a new socket shows no end of the peer's. */
static bool has_connection(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	unsigned char state = TCP_CLOSE;
	socklen_t len = sizeof(state);

	if (getsockopt(fd, SOL_TCP, TCP_INFO, &state, &len) < 0 || state == TCP_LISTEN)
		return false;
	return state != TCP_CLOSE || (poll(&p, 1, 0) > 0 && p.revents & POLLRDHUP);
}

/* What a new socket of a kind has. */
struct fresh {
	int family, type, protocol;
	struct value values[ARRAY_SIZE(options)];
	struct fresh *next;
};

static const struct fresh *fresh_of(struct dump *d, int family, int type, int protocol)
{
	struct fresh *fresh = d->priv[SLOT_SOCKOPTS];
	_cleanup_fd_ int fd = -1;

	for (; fresh; fresh = fresh->next)
		if (fresh->family == family && fresh->type == type && fresh->protocol == protocol)
			return fresh;
	fresh = arena_new(dump_arena(d), struct fresh);
	*fresh = (struct fresh){ family, type, protocol, .next = d->priv[SLOT_SOCKOPTS] };
	d->priv[SLOT_SOCKOPTS] = fresh;
	/* Where the tool may not make one, all options that are not 0 count as set. */
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(options); i++)
		if (applies(&options[i], family, type, protocol))
			read_option(fd, &options[i], &fresh->values[i]);
	return fresh;
}

static bool is_default(const struct value *v, const struct value *fresh)
{
	static const struct value zero;

	if (!fresh->len)
		return !memcmp(v->bytes, zero.bytes, v->len);
	return v->len == fresh->len && !memcmp(v->bytes, fresh->bytes, v->len);
}

static void keep_option(struct dump *d, const struct dump_file *f, int level, int name,
			const struct value *v)
{
	struct arena *a = dump_arena(d);
	CrtoolsSockopt *o = arena_msg(a, CrtoolsSockopt, crtools_sockopt);
	CrtoolsSocket *x = socket_extra(d, f);

	o->has_level = o->has_name = o->has_value = true;
	o->level = level;
	o->name = name;
	o->value.len = v->len;
	o->value.data = arena_memdup(a, v->bytes, v->len);
	arena_push(a, x->option, x->n_option, o);
}

static void collect_others(struct dump *d, const struct dump_file *f, const struct file_probe *p,
			   const struct fresh *fresh)
{
	struct value v;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		/* What the new one does not have, this one has not either. */
		if (!applies(&options[i], fresh->family, fresh->type, fresh->protocol))
			continue;
		read_option(p->local, &options[i], &v);
		if (!v.len || is_default(&v, &fresh->values[i]) ||
		    (options[i].when == IDLE && has_connection(p->local)))
			continue;
		keep_option(d, f, options[i].level, options[i].name, &v);
	}
}

/* --- dump ----------------------------------------------------------------------------------------
 */

bool socket_is(const struct file_probe *p, int family)
{
	return p->fd >= 0 && S_ISSOCK(p->stat.st_mode) && !(p->info.flags & O_PATH) &&
	       socket_int(p->local, SOL_SOCKET, SO_DOMAIN, -1) == family;
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

static int collect_timeout(const struct file_probe *p, struct dump *d, int name, uint64_t *ret_sec,
			   uint64_t *ret_usec)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (getsockopt(p->local, SOL_SOCKET, name, &tv, &len) < 0)
		return err_sys(dump_err(d), "getsockopt", "can't read the timeouts of %s",
			       probe_object(p));
	*ret_sec = tv.tv_sec;
	*ret_usec = tv.tv_usec;
	return 0;
}

static void collect_device(struct dump *d, const struct file_probe *p, SkOptsEntry *e)
{
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof(name);

	if (getsockopt(p->local, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 && len && name[0])
		e->so_bound_dev = arena_printf(dump_arena(d), "%.*s", IFNAMSIZ - 1, name);
}

/* Unix sockets are asked for it only where they have a filter. */
static void collect_lock(struct dump *d, const struct dump_file *f, const struct file_probe *p)
{
	struct value v = { .len = sizeof(int) };

	memcpy(v.bytes, &(int){ 1 }, sizeof(int));
	if (socket_int(p->local, SOL_SOCKET, SO_LOCK_FILTER, 0))
		keep_option(d, f, SOL_SOCKET, SO_LOCK_FILTER, &v);
}

static void collect_filter(struct dump *d, const struct dump_file *f, const struct file_probe *p,
			   int family, SkOptsEntry *e)
{
	struct sock_filter code[FILTER_MAX];
	socklen_t n = 0; /* instructions, not bytes: SO_GET_FILTER is like that */

	if (door_is_shut(p->local)) /* left by a dump that was killed */
		return;
	if (getsockopt(p->local, SOL_SOCKET, SO_GET_FILTER, NULL, &n) < 0) {
		/* sk_get_filter() in net/core/filter.c: it has no classic program to show */
		if (errno == EACCES)
			task_refuse(p->task, probe_object(p),
				    "has an eBPF filter, which can't be read out of the kernel",
				    "detach it before the dump (SO_DETACH_FILTER)");
		return;
	}
	if (!n || n > FILTER_MAX || getsockopt(p->local, SOL_SOCKET, SO_GET_FILTER, code, &n) < 0)
		return;
	e->so_filter = arena_array(dump_arena(d), uint64_t, n);
	for (; e->n_so_filter < n; e->n_so_filter++) {
		const struct sock_filter *in = &code[e->n_so_filter];

		e->so_filter[e->n_so_filter] = (uint64_t)in->code << 48 | (uint64_t)in->jt << 40 |
					       (uint64_t)in->jf << 32 | in->k;
	}
	if (family == AF_UNIX)
		collect_lock(d, f, p);
}

static void collect_linger(const struct file_probe *p, SkOptsEntry *e)
{
	struct linger l;
	socklen_t len = sizeof(l);

	if (getsockopt(p->local, SOL_SOCKET, SO_LINGER, &l, &len) < 0 || !l.l_onoff)
		return;
	e->has_so_linger = true;
	e->so_linger = l.l_linger;
}

static void collect_fields(const struct file_probe *p, unsigned family, SkOptsEntry *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		int value;

		if (!(fields[i].families & family))
			continue;
		value = socket_int(p->local, SOL_SOCKET, fields[i].name, 0);
		if (value || !fields[i].only_if_set)
			field_set(e, &fields[i], value);
	}
}

/* The sizes of both buffers, by one call (Linux 4.12) where that is possible. It also tells whether
 * there may be a filter: each is charged to the memory of the socket's options (sk_filter_charge()
 * in net/core/filter.c). */
static bool collect_memory(int fd, SkOptsEntry *e)
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

int socket_options_collect(struct dump *d, struct dump_file *f, const struct file_probe *p,
			   int family, int type, int protocol, SkOptsEntry **ret)
{
	SkOptsEntry *e = arena_msg(dump_arena(d), SkOptsEntry, sk_opts_entry);
	bool may_filter = collect_memory(p->local, e);
	int lock, err;

	lock = socket_int(p->local, SOL_SOCKET, SO_BUF_LOCK, -1);
	e->has_so_buf_lock = lock >= 0;
	e->so_buf_lock = lock >= 0 ? lock : 0;
	err = collect_timeout(p, d, SO_SNDTIMEO, &e->so_snd_tmo_sec, &e->so_snd_tmo_usec);
	if (err == 0)
		err = collect_timeout(p, d, SO_RCVTIMEO, &e->so_rcv_tmo_sec, &e->so_rcv_tmo_usec);
	if (err < 0)
		return err;
	collect_fields(p, family_bit(family), e);
	if (family != AF_UNIX) /* which has no use for one */
		collect_device(d, p, e);
	if (may_filter)
		collect_filter(d, f, p, family, e);
	collect_linger(p, e);
	collect_others(d, f, p, fresh_of(d, family, type, protocol));
	*ret = e;
	return 0;
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

static const struct option *option_of(const CrtoolsSockopt *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == (int)o->level && options[i].name == (int)o->name)
			return &options[i];
	return NULL;
}

/* A new socket of the kind, to be asked; -1: it can't be had that simply. */
static int new_socket(const struct restore_file *f)
{
	const FileEntry *e = f->entry;

	if (e->type == FD_TYPES__UNIXSK && e->usk)
		return socket(AF_UNIX, e->usk->type | SOCK_CLOEXEC, 0);
	if (e->type == FD_TYPES__INETSK && e->isk)
		return socket(e->isk->family, e->isk->type | SOCK_CLOEXEC, e->isk->proto);
	return -1;
}

/* The kernel must know all of them: whoever can't read an option can't set it. */
static void check_known(struct restore *r, const struct restore_file *f, const CrtoolsSocket *x)
{
	_cleanup_fd_ int fd = x->n_option ? new_socket(f) : -1;
	char value[VALUE_MAX];

	for (size_t i = 0; fd >= 0 && i < x->n_option; i++) {
		const struct option *o = option_of(x->option[i]);
		socklen_t len = x->option[i]->value.len;

		if (getsockopt(fd, o->level, o->name, value, &len) == 0 || errno != ENOPROTOOPT)
			continue;
		report_refuse(&r->s->report, 0, arena_printf(restore_arena(r), "socket %u", f->id),
			      arena_printf(restore_arena(r),
					   "has the option %s, which this kernel does not know",
					   o->text),
			      "restore on a kernel that is not older than that of the dump");
	}
}

static int check_others(struct restore *r, const struct restore_file *f)
{
	const CrtoolsSocket *x;
	int ret = socket_extra_of(r, f, &x);

	for (size_t i = 0; ret == 0 && x && i < x->n_option; i++)
		if (!option_of(x->option[i]) || !x->option[i]->value.len ||
		    x->option[i]->value.len > VALUE_MAX)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "crtools-files.img: option %u of level %u, of socket %u, "
				       "is none that crtools keeps",
				       x->option[i]->name, x->option[i]->level, f->id);
	if (ret == 0 && x)
		check_known(r, f, x);
	return ret;
}

int socket_options_check(struct restore *r, struct restore_file *f, const SkOptsEntry *e)
{
	if (!e || e->so_sndbuf > INT32_MAX || e->so_rcvbuf > INT32_MAX ||
	    e->so_snd_tmo_usec >= 1000000 || e->so_rcv_tmo_usec >= 1000000 ||
	    e->so_snd_tmo_sec > INT64_MAX || e->so_rcv_tmo_sec > INT64_MAX)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
			       "files.img: buffers or timeouts of socket %u are out of range",
			       f->id);
	if (e->n_so_filter > FILTER_MAX)
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
			"files.img: the filter of socket %u has %zu instructions, %d are the "
			"most",
			f->id, e->n_so_filter, FILTER_MAX);
	if (e->so_bound_dev && strlen(e->so_bound_dev) >= IFNAMSIZ)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: socket %u is bound to a device whose name is too long",
			       f->id);
	if (e->so_bound_dev && !if_nametoindex(e->so_bound_dev))
		report_refuse(&r->s->report, 0, arena_printf(restore_arena(r), "socket %u", f->id),
			      arena_printf(restore_arena(r),
					   "is bound to the network device %s, which is not here",
					   e->so_bound_dev),
			      "make the device, or rename one");
	return check_others(r, f);
}

/* Names an option of a kind of socket: new ones of a kind are all alike. 0: of another family. */
static uint64_t option_key(const struct restore_file *f, int level, int name)
{
	const FileEntry *e = f->entry;
	uint64_t option = (uint64_t)(uint32_t)level << 32 | (uint32_t)name;

	if (e->type == FD_TYPES__UNIXSK)
		return hash_mix(AF_UNIX, option);
	if (e->type != FD_TYPES__INETSK || !e->isk)
		return 0;
	return hash_mix((uint64_t)e->isk->proto << 32 | e->isk->family << 8 | e->isk->type, option);
}

/* What a new one has; fd is one for which the option was not set yet. */
static int new_value(struct restore_task *t, const struct restore_file *f, int fd, int level,
		     int name, int otherwise)
{
	struct hash *known = t->r->priv[SLOT_NEWSOCKETS];
	uint64_t key = option_key(f, level, name);
	uintptr_t seen;

	if (!key)
		return socket_int(fd, level, name, otherwise);
	if (!known && !t->r->crowded) {
		known = t->r->priv[SLOT_NEWSOCKETS] = arena_new(restore_arena(t->r), struct hash);
		session_own_hash(t->r->s, known);
	}
	seen = known ? (uintptr_t)hash_get(known, key) : 0;
	if (!seen && t->r->crowded)
		return socket_int(fd, level, name, otherwise);
	if (!seen) { /* with a bit above, as 0 is no pointer */
		seen = 1ULL << 32 | (uint32_t)socket_int(fd, level, name, otherwise);
		hash_put(known, key, (void *)seen);
	}
	return (int)(uint32_t)seen;
}

int socket_set_int(struct restore_task *t, const struct restore_file *f, int fd, int level,
		   int name, const char *text, int value)
{
	if (new_value(t, f, fd, level, name, ~value) == value ||
	    setsockopt(fd, level, name, &value, sizeof(value)) == 0 ||
	    socket_int(fd, level, name, ~value) == value)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set %s of socket %u to %d", text,
		       f->id, value);
}

/* Without CAP_NET_ADMIN, as much as net.core.*mem_max lets. */
static void force_buffer(int fd, int name, int force, uint32_t size)
{
	int half = size / 2;

	if (setsockopt(fd, SOL_SOCKET, force, &half, sizeof(half)) < 0)
		setsockopt(fd, SOL_SOCKET, name, &half, sizeof(half));
}

static void set_buffer(int fd, int name, int force, uint32_t size)
{
	if (socket_int(fd, SOL_SOCKET, name, -1) != (int)size)
		force_buffer(fd, name, force, size);
}

static int set_fields(struct restore_task *t, const struct restore_file *f, const SkOptsEntry *e,
		      unsigned family, enum when when, int fd)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(fields); i++) {
		const struct field *o = &fields[i];

		if (o->when == when && o->families & family && *field_has(e, o))
			ret = socket_set_int(t, f, fd, SOL_SOCKET, o->name, o->text,
					     field_get(e, o));
	}
	return ret;
}

static int set_others(struct restore_task *t, const struct restore_file *f, enum when when, int fd)
{
	const CrtoolsSocket *x;
	int ret = socket_extra_of(t->r, f, &x);

	for (size_t i = 0; ret == 0 && x && i < x->n_option; i++) {
		const CrtoolsSockopt *v = x->option[i];
		const struct option *o = option_of(v);

		if ((o->when == IDLE ? EARLY : o->when) == when &&
		    setsockopt(fd, o->level, o->name, v->value.data, v->value.len) < 0)
			return err_sys(restore_err(t->r), "setsockopt", "can't set %s of socket %u",
				       o->text, f->id);
	}
	return ret;
}

void socket_options_buffers(const SkOptsEntry *e, int fd)
{
	int lock = e->so_buf_lock;

	set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, e->so_sndbuf);
	set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, e->so_rcvbuf);
	if (e->has_so_buf_lock)
		setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, sizeof(lock));
}

static int set_sizes(struct restore_task *t, struct restore_file *f, const SkOptsEntry *e, int fd)
{
	bool snd = new_value(t, f, fd, SOL_SOCKET, SO_SNDBUF, -1) != (int)e->so_sndbuf;
	bool rcv = new_value(t, f, fd, SOL_SOCKET, SO_RCVBUF, -1) != (int)e->so_rcvbuf;

	if (snd)
		force_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, e->so_sndbuf);
	if (rcv)
		force_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, e->so_rcvbuf);
	f->resized |= snd || rcv;
	return 0;
}

int socket_options_early(struct restore_task *t, struct restore_file *f, const SkOptsEntry *e,
			 int family, int fd)
{
	int ret = set_fields(t, f, e, family_bit(family), EARLY, fd);

	if (ret == 0)
		ret = set_others(t, f, EARLY, fd);
	if (ret == 0 && e->so_bound_dev && e->so_bound_dev[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, e->so_bound_dev, strlen(e->so_bound_dev)) <
		    0)
		ret = err_sys(restore_err(t->r), "setsockopt",
			      "can't bind socket %u to the network device %s", f->id,
			      e->so_bound_dev);
	return ret < 0 ? ret : set_sizes(t, f, e, fd);
}

static int set_timeout(struct restore_task *t, const struct restore_file *f, int name, uint64_t sec,
		       uint64_t usec, int fd)
{
	struct timeval tv = { .tv_sec = sec, .tv_usec = usec };

	if ((!sec && !usec) || setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set a timeout of socket %u", f->id);
}

static int set_filter(struct restore_task *t, const struct restore_file *f, const SkOptsEntry *e,
		      int fd)
{
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog prog = { .len = e->n_so_filter, .filter = code };

	for (size_t i = 0; i < e->n_so_filter; i++)
		code[i] = (struct sock_filter){ .code = e->so_filter[i] >> 48,
						.jt = e->so_filter[i] >> 40,
						.jf = e->so_filter[i] >> 32,
						.k = e->so_filter[i] };
	if (!prog.len || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't attach the filter of socket %u",
		       f->id);
}

static int set_buffer_lock(struct restore_task *t, const struct restore_file *f,
			   const SkOptsEntry *e, int fd)
{
	int value = e->so_buf_lock;

	if (setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &value, sizeof(value)) == 0 ||
	    socket_int(fd, SOL_SOCKET, SO_BUF_LOCK, ~value) == value)
		return 0;
	return err_sys(restore_err(t->r), "setsockopt", "can't set SO_BUF_LOCK of socket %u to %d",
		       f->id, value);
}

int socket_options_late(struct restore_task *t, struct restore_file *f, const SkOptsEntry *e,
			int family, int fd)
{
	struct linger l = { .l_onoff = 1, .l_linger = e->so_linger };
	int ret = set_fields(t, f, e, family_bit(family), LATE, fd);

	if (ret == 0)
		ret = set_others(t, f, LATE, fd);
	if (ret == 0)
		ret = set_timeout(t, f, SO_SNDTIMEO, e->so_snd_tmo_sec, e->so_snd_tmo_usec, fd);
	if (ret == 0)
		ret = set_timeout(t, f, SO_RCVTIMEO, e->so_rcv_tmo_sec, e->so_rcv_tmo_usec, fd);
	if (ret == 0)
		ret = set_filter(t, f, e, fd);
	if (ret == 0)
		ret = set_others(t, f, LAST, fd);
	if (ret == 0 && e->has_so_linger &&
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) < 0)
		ret = err_sys(restore_err(t->r), "setsockopt", "can't set SO_LINGER of socket %u",
			      f->id);
	/* Sizes that were set, lock them; those of a new unix socket are not locked. */
	if (ret == 0 && e->has_so_buf_lock && (e->so_buf_lock || family != AF_UNIX || f->resized))
		ret = set_buffer_lock(t, f, e, fd);
	return ret;
}
