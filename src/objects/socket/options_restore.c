/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that sockets of all families have, at the restore: before a socket gets its address
 * (`early`), and behind its connection and queues (`late`). What a new socket has already is not
 * set, and what new ones have is asked once for each kind. See options.c.
 */
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "objects/socket/option_table.h"

static const struct option *option_of(const CrtoolsSockopt *o)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (sockopts[i].level == (int)o->level && sockopts[i].name == (int)o->name)
			return &sockopts[i];
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

	for (size_t i = 0; ret == 0 && i < N_FIELDS; i++) {
		const struct field *o = &sockopt_fields[i];

		if (o->when == when && o->families & family && *sockopt_has(e, o))
			ret = socket_set_int(t, f, fd, SOL_SOCKET, o->name, o->text,
					     sockopt_get(e, o));
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

		if ((o->when == IDLE || o->when == ASKING ? EARLY : o->when) == when &&
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
	int ret = set_fields(t, f, e, sockopt_family(family), EARLY, fd);

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
	int ret = set_fields(t, f, e, sockopt_family(family), LATE, fd);

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
