/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be known of an internet socket before anything is forked: whether its entry makes sense,
 * whether the host has its address, and whether somebody else has its port. The last two are asked
 * of the kernel, by a socket that is bound as the restored one will be, and closed again.
 *
 * Sockets of the images that share a port (a listener with SO_REUSEPORT and its siblings, two of
 * different addresses) are a group with one owner: those rules are the kernel's to check when each
 * is bound, and what an option is to be in the end is set when all are.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "kernel/sock_diag.h"
#include "objects/socket/inet/inet.h"

static void drop(void *data)
{
	struct inet_restore *x = data;

	hash_free(&x->ports);
	hash_free(&x->local);
	hash_free(&x->ends);
}

/* The field that makes no sense; NULL: all do. */
static const char *wrong_field(const InetSkEntry *e)
{
	size_t words = e->family == AF_INET ? 1 : 4;
	const struct {
		bool right;
		const char *field;
	} fields[] = {
		{ e->family == AF_INET || e->family == AF_INET6, "family" },
		{ e->n_src_addr == words, "src_addr" },
		{ e->n_dst_addr == words, "dst_addr" },
		{ e->src_port <= UINT16_MAX, "src_port" },
		{ e->dst_port <= UINT16_MAX, "dst_port" },
		{ e->backlog <= INT32_MAX, "backlog" },
		{ e->opts, "opts" },
		{ e->fown, "fown" },
		{ e->type == SOCK_STREAM || e->type == SOCK_DGRAM || e->type == SOCK_RAW, "type" },
		{ e->state >= INET_ESTABLISHED && e->state <= INET_CLOSING &&
			  e->state != INET_SYN_RECV && e->state != INET_TIME_WAIT,
		  "state" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!fields[i].right)
			return fields[i].field;
	return NULL;
}

/* Asked by threads, too, that tell what they can't do (furnish, release). */
const char *inet_object(const struct restore *r, const struct inet_in *s)
{
	static pthread_mutex_t of_arena = PTHREAD_MUTEX_INITIALIZER;
	const InetSkEntry *e = s->e;
	const char *kind = inet_is_tcp(e)	     ? "TCP"
			   : e->type == SOCK_RAW     ? "raw"
			   : e->proto == IPPROTO_UDP ? "UDP"
			   : !inet_has_ports(e)	     ? "ping"
						     : "UDP-Lite";
	char text[INET_TEXT_SIZE], *object;
	union inet_addr own;

	inet_source(e, &own);
	inet_text(&own, text);
	pthread_mutex_lock(&of_arena);
	object = arena_printf(restore_arena(r), "%s socket %u (%s)", kind, e->id, text);
	pthread_mutex_unlock(&of_arena);
	return object;
}

/* Would it fail to be bound while somebody has its port? */
static bool takes_port(const InetSkEntry *e)
{
	return !tcp_is_connection(e) && !inet_was_closed(e);
}

static int load_one(struct restore *r, struct inet_restore *x, struct restore_file *f)
{
	const InetSkEntry *e = f->entry->isk;
	struct inet_in *s, **at;
	const char *wrong;
	uint64_t key;
	int ret;

	if (!e || e->id != f->id)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: internet socket %u has no entry", f->id);
	wrong = wrong_field(e);
	if (wrong)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: %s of internet socket %u is none that a socket has",
			       wrong, f->id);
	s = f->priv = arena_new(restore_arena(r), struct inet_in);
	*s = (struct inet_in){ .file = f, .e = e };
	ret = socket_extra_of(r, f, &s->x);
	arena_push(restore_arena(r), x->all, x->n, s);
	if (ret < 0 || !inet_has_ports(e) || !e->src_port)
		return ret;
	key = (uint64_t)e->proto << 32 | e->src_port;
	s->port = hash_get(&x->ports, key);
	if (!s->port) {
		s->port = arena_new(restore_arena(r), struct inet_port);
		hash_put(&x->ports, key, s->port);
	} else {
		restore_group(r, s->port->first->file, f);
	}
	at = &s->port->first;
	if (*at && !takes_port(e))
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	s->port->n++;
	s->port->n_listening += e->state == INET_LISTEN;
	return 0;
}

static int load(struct restore *r)
{
	struct inet_restore *x = r->priv[SLOT_INET];
	int ret = 0;

	if (x)
		return 0;
	x = r->priv[SLOT_INET] = arena_new(restore_arena(r), struct inet_restore);
	undo_push(&r->s->undo, drop, x);
	for (size_t i = 0; ret == 0 && i < r->n_files; i++)
		if (r->files[i]->entry->type == FD_TYPES__INETSK)
			ret = load_one(r, x, r->files[i]);
	return ret;
}

bool inet_shares(const struct inet_in *s)
{
	return s->port && s->port->n > 1;
}

/* --- who has the port? --------------------------------------------------------------------------
 */

struct search {
	uint16_t port;
	uint32_t ino;  /* somebody has a descriptor of it */
	uint32_t left; /* sockets that nobody has one of */
};

/* A process that has the socket open: "process 12 (nginx)"; NULL. */
static const char *holder_of(struct arena *a, uint32_t ino)
{
	_cleanup_dir_ DIR *proc = opendir("/proc");
	char want[32], path[64], link[64], comm[32] = "";
	struct dirent *e, *fd;

	snprintf(want, sizeof(want), "socket:[%u]", ino);
	while (proc && (e = readdir(proc))) {
		_cleanup_dir_ DIR *fds = NULL;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.12s/fd", e->d_name);
		fds = opendir(path);
		while (fds && (fd = readdir(fds))) {
			ssize_t n = readlinkat(dirfd(fds), fd->d_name, link, sizeof(link) - 1);
			_cleanup_file_ FILE *file = NULL;

			if (n <= 0 || (link[n] = '\0', strcmp(link, want)))
				continue;
			snprintf(path, sizeof(path), "/proc/%.12s/comm", e->d_name);
			file = fopen(path, "re");
			if (file && fgets(comm, sizeof(comm), file))
				comm[strcspn(comm, "\n")] = '\0';
			return arena_printf(a, "process %s (%s)", e->d_name, comm);
		}
	}
	return NULL;
}

static int take_port(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);
	struct search *s = data;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || ntohs(msg->id.idiag_sport) != s->port)
		return 0;
	if (msg->idiag_inode)
		s->ino = msg->idiag_inode;
	else
		s->left++;
	return 0;
}

static struct search search(uint32_t protocol, uint16_t port)
{
	struct search s = { .port = port };
	struct err err = { 0 };
	_cleanup_fd_ int netlink = nl_open(NETLINK_SOCK_DIAG, &err);

	for (int i = 0; netlink >= 0 && !s.ino && i < 2; i++) {
		struct inet_diag_req_v2 req = { .sdiag_family = i ? AF_INET6 : AF_INET,
						.sdiag_protocol = protocol,
						.idiag_states = ~0u };

		sock_diag_list(netlink, &req, sizeof(req), "list internet sockets", take_port, &s,
			       &err);
	}
	return s;
}

static const char *who_has(struct restore *r, const InetSkEntry *e)
{
	struct search s = search(e->proto, e->src_port);

	return s.ino ? holder_of(restore_arena(r), s.ino) : NULL;
}

/* Does the kernel list those that are bound, and neither listen nor are connected (Linux 6.8)? */
static bool lists_bound(void)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(own);

	return fd >= 0 && bind(fd, (void *)&own, len) == 0 &&
	       getsockname(fd, (void *)&own, &len) == 0 &&
	       search(IPPROTO_TCP, ntohs(own.sin_port)).ino;
}

/* Nobody has the port but what is left of connections, and that is no hindrance. */
static bool is_left_over(const struct inet_in *s)
{
	struct search found;

	if (!inet_is_tcp(s->e) || !s->port)
		return false;
	found = search(s->e->proto, s->e->src_port);
	return !found.ino && found.left && lists_bound();
}

/* It holds a port in the kernel only. */
static int bind_to_try(struct restore *r, const struct inet_in *s, int fd)
{
	int ret = inet_bind(s, fd);

	if (ret == -EADDRINUSE && is_left_over(s)) {
		s->port->rests = inet_bind_beside(s, fd) == 0;
		ret = s->port->rests ? 0 : ret;
	}
	for (int i = 0; ret == -EADDRINUSE && i < INET_END_TRIES && !who_has(r, s->e); i++) {
		inet_moment();
		ret = inet_bind(s, fd);
	}
	return ret;
}

/* --- trying --------------------------------------------------------------------------------------
 */

static void refuse_bind(struct restore *r, const struct inet_in *s, int err)
{
	struct arena *a = restore_arena(r);
	const char *who;

	if (err == -EADDRINUSE) {
		who = who_has(r, s->e);
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      arena_printf(a, "can't have its port: %s has it",
					   who ?: "another socket"),
			      "end that program, or restore in another network namespace");
	} else if (err == -EADDRNOTAVAIL) {
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      "has an address that this host does not have",
			      "add the address to a network device (ip address add)");
	} else if (err == -EACCES) {
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      "has a port that only the privileged may have",
			      "restore as root, or with CAP_NET_BIND_SERVICE");
	} else {
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      arena_printf(a, "can't have its address: %s", strerror(-err)), "");
	}
}

static void set_int(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* As inet_open() will do it. Of those that share a port one is tried, with all allowed. */
static void try_to_bind(struct restore *r, const struct inet_in *s)
{
	const InetSkEntry *e = s->e;
	_cleanup_fd_ int fd = -1;
	union inet_addr own;
	int ret;

	if (!inet_source(e, &own) || !takes_port(e) || (s->port && s->port->first != s))
		return;
	fd = socket(e->family, e->type | SOCK_CLOEXEC, e->proto);
	if (fd < 0) {
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      arena_printf(restore_arena(r), "can't be made: %s", strerror(errno)),
			      errno == EPERM	? "restore as root, or with CAP_NET_RAW"
			      : errno == EACCES ? "see net.ipv4.ping_group_range in icmp(7)"
						: "");
		return;
	}
	set_int(fd, SOL_IPV6, IPV6_V6ONLY, e->has_v6only && e->v6only);
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, e->opts->has_reuseaddr && e->opts->reuseaddr);
	set_int(fd, SOL_SOCKET, SO_REUSEPORT, e->opts->has_so_reuseport && e->opts->so_reuseport);
	ret = bind_to_try(r, s, fd);
	if (ret < 0)
		refuse_bind(r, s, ret);
}

/* As a proxy's may be, that speaks for others (IP_TRANSPARENT). */
static bool was_away(const struct inet_in *s)
{
	return s->x && s->x->has_address_away && s->x->address_away;
}

static bool device_is_here(struct restore *r, const struct inet_in *s)
{
	if (!s->e->ifname || if_nametoindex(s->e->ifname))
		return true;
	report_refuse(&r->s->report, 0, inet_object(r, s),
		      arena_printf(restore_arena(r),
				   "has an address of the network device %s, which is not here",
				   s->e->ifname),
		      "make the device, or rename one");
	return false;
}

int inet_check(struct restore *r, struct restore_file *f)
{
	struct inet_restore *x;
	struct inet_in *s;
	int ret = load(r);

	if (ret < 0)
		return ret;
	x = r->priv[SLOT_INET];
	s = f->priv;
	if (fown_is_set(s->e->fown))
		fown_check(r, f, s->e->fown, inet_object(r, s));
	ret = socket_options_check(r, f, s->e->opts);
	if (ret == 0)
		ret = inet_groups_check(r, f, s);
	if (ret == 0)
		ret = tcp_keys_check(r, s);
	if (ret == 0)
		ret = inet_queue_check(r, s);
	if (ret == 0)
		ret = tcp_waiting_check(r, x, s);
	if (ret < 0)
		return ret;
	if (!device_is_here(r, s))
		return 0;
	if (inet_was_closed(s->e))
		ret = tcp_closed_check(r, x, s);
	if (s->ended && !inet_is_local(&x->local, s->e))
		refuse_bind(r, s, -EADDRNOTAVAIL);
	if (inet_was_closed(s->e))
		return ret;
	if (!tcp_is_connection(s->e))
		try_to_bind(r, s);
	else if ((s->is_local = inet_is_local(&x->local, s->e)) || was_away(s))
		return tcp_check(r, x, s);
	else
		refuse_bind(r, s, -EADDRNOTAVAIL);
	return 0;
}
