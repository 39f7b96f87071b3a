/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets (netlink(7)): messages to and from subsystems of the kernel, or between processes.
 *
 * The descriptor tells type, protocol, port id, peer and the groups that it hears
 * (NETLINK_LIST_MEMBERSHIPS, Linux 4.2). Whether connect(2) was called, a listing tells
 * (netlink_diag): one that is connected to the kernel, port 0, takes messages from nobody else
 * (netlink_getsockbyportid() in net/netlink/af_netlink.c). It does not list those that have neither
 * a port id nor groups; these are not connected.
 *
 * Kept: all of these, options, flags, filter, owner. CRIU's entry has room for 32 groups and none
 * for the type; the rest is in crtools-files.img.
 *
 * Messages that wait can't be kept, nor what is left of an answer in several parts: the kernel lets
 * nobody but itself send in its name. News for a group are lost, with a warning: netlink is not
 * reliable (ENOBUFS), and who listens has to know that. All else is refused, as who has asked would
 * wait for ever, unless --skip-in-flight says that it may be lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"
#include "kernel/sock_diag.h"
#include "objects/socket/socket.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#define STATUS_FLAGS	 (O_NONBLOCK | O_APPEND | O_NOATIME)
#define STATE_CONNECTED	 1    /* NETLINK_CONNECTED in net/netlink/af_netlink.h */
#define GROUP_WORDS_MAX	 2048 /* the kernel's protocols have some dozens of groups */
#define PORTID_NONE	 0
#define NETLINK_DIAG_ALL 255 /* NDIAG_PROTO_ALL as the field's type has it */

/* --- dump ----------------------------------------------------------------------------------------
 */

struct netlink_info {
	uint8_t state;
	bool answering; /* the kernel has more parts of an answer for it */
};

struct netlink_dump {
	struct arena *arena;
	struct hash by_ino;
	uint64_t netns_cookie; /* of the tool's network namespace; 0: the kernel has none */
};

static bool netlink_match(const struct file_probe *p)
{
	return socket_is(p, AF_NETLINK);
}

static void dump_drop(void *data)
{
	struct netlink_dump *x = data;

	hash_free(&x->by_ino);
}

static int take(const struct nlmsghdr *h, void *data)
{
	const struct netlink_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[NETLINK_DIAG_FLAGS + 1];
	struct netlink_dump *x = data;
	struct netlink_info *info;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)))
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, NETLINK_DIAG_FLAGS);
	info = arena_new(x->arena, struct netlink_info);
	info->state = msg->ndiag_state;
	info->answering = nl_u32(attrs[NETLINK_DIAG_FLAGS], 0) & NDIAG_FLAG_CB_RUNNING;
	hash_put(&x->by_ino, msg->ndiag_ino, info);
	return 0;
}

static int netlink_dump_of(struct dump *d, struct netlink_dump **ret)
{
	struct netlink_diag_req req = { .sdiag_family = AF_NETLINK,
					.sdiag_protocol = NETLINK_DIAG_ALL,
					.ndiag_show = NDIAG_SHOW_FLAGS };
	struct netlink_dump *x = d->priv[SLOT_NETLINK];
	_cleanup_fd_ int netlink = -1;
	int err;

	*ret = x;
	if (x)
		return 0;
	*ret = x = d->priv[SLOT_NETLINK] = arena_new(dump_arena(d), struct netlink_dump);
	x->arena = dump_arena(d);
	undo_push(&d->s->undo, dump_drop, x);
	netlink = nl_open(NETLINK_SOCK_DIAG, dump_err(d));
	if (netlink < 0)
		return netlink;
	err = sock_diag_list(netlink, &req, sizeof(req), "list netlink sockets", take, x,
			     dump_err(d));
	x->netns_cookie = socket_netns_cookie(netlink);
	/* A kernel without CONFIG_NETLINK_DIAG: what the descriptors tell has to do. */
	if (err == -ENOENT) {
		*d->s->err = (struct err){ 0 };
		err = 0;
	}
	return err;
}

static int collect_addresses(struct dump *d, const struct file_probe *p, NetlinkSkEntry *e)
{
	struct sockaddr_nl own = { 0 }, peer = { 0 };
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

	if (getsockname(probe_local(p), (struct sockaddr *)&own, &own_len) < 0)
		return err_sys(dump_err(d), "getsockname", "can't read the address of %s",
			       probe_object(p));
	if (getpeername(probe_local(p), (struct sockaddr *)&peer, &peer_len) < 0)
		return err_sys(dump_err(d), "getpeername", "can't read the peer of %s",
			       probe_object(p));
	e->portid = own.nl_pid;
	e->dst_portid = peer.nl_pid;
	e->dst_group = ffs((int)peer.nl_groups);
	return 0;
}

/* One word goes into the entry, all others into the socket's own. */
static int collect_groups(struct dump *d, const struct dump_file *f, const struct file_probe *p,
			  NetlinkSkEntry *e)
{
	uint32_t words[GROUP_WORDS_MAX] = { 0 };
	socklen_t len = sizeof(words);
	size_t n;

	if (getsockopt(probe_local(p), SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &len) < 0)
		return err_sys(dump_err(d), "getsockopt", "can't read the groups of %s",
			       probe_object(p));
	/* The length is what all groups would take, however large the buffer is. */
	if (len > sizeof(words))
		return err_set(dump_err(d), ERR_KERNEL, E2BIG, "%s hears more groups than %zu",
			       probe_object(p), sizeof(words) * 8);
	for (n = len / sizeof(*words); n && !words[n - 1];)
		n--;
	if (n) {
		e->groups = arena_memdup(dump_arena(d), words, sizeof(*words));
		e->n_groups = 1;
	}
	if (n > 1) {
		CrtoolsSocket *x = socket_extra(d, f);

		x->n_netlink_group = n - 1;
		x->netlink_group = arena_memdup(dump_arena(d), words + 1, (n - 1) * sizeof(*words));
	}
	return 0;
}

/* Is it news for a group, which any listener has to bear to miss, or an answer? */
static bool is_news(int fd)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { 0 };
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};

	return recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT) >= 0 && from.nl_groups;
}

/* Who has asked waits for the answer, for ever if he has to. --skip-in-flight is for those who know
 * that he does not. */
static void judge_answer(const struct file_probe *p, const char *refused, const char *warned)
{
	if (p->task->dump->s->opts->skip_in_flight)
		task_warn(p->task, probe_object(p), warned, "");
	else
		task_refuse(p->task, probe_object(p), refused,
			    "try again when it has read all; with --skip-in-flight what is left is "
			    "lost");
}

/* poll() looks without an effect. Even MSG_PEEK makes the kernel go on with an answer, and takes an
 * error. Nobody but the kernel can put messages of its own into the queue again. */
static void judge_queue(const struct file_probe *p, const struct netlink_info *info)
{
	struct pollfd queue = { .fd = probe_local(p), .events = POLLIN };
	bool waits = poll(&queue, 1, 0) > 0 && queue.revents & POLLIN;
	bool error = queue.revents & POLLERR, answering = info && info->answering;

	if (waits && !error && !answering && is_news(probe_local(p)))
		task_warn(p->task, probe_object(p),
			  "has netlink messages that were not read; they are lost", "");
	else if (waits)
		judge_answer(p, "has netlink messages that were not read, which can't be kept",
			     "has netlink messages that were not read; they are lost");
	else if (answering)
		judge_answer(p,
			     "has read a part of an answer of the kernel, and the rest can't be "
			     "kept",
			     "has read a part of an answer of the kernel; the rest is lost");
	if (error)
		task_warn(p->task, probe_object(p),
			  "has not been told yet that messages were lost (ENOBUFS); it won't be",
			  "");
}

static int netlink_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	NetlinkSkEntry *e = arena_msg(dump_arena(d), NetlinkSkEntry, netlink_sk_entry);
	int type = socket_int(probe_local(p), SOL_SOCKET, SO_TYPE, SOCK_RAW);
	const struct netlink_info *info;
	struct netlink_dump *x;
	int ret = netlink_dump_of(d, &x);

	if (ret < 0)
		return ret;
	info = hash_get(&x->by_ino, p->stat.st_ino);
	if (x->netns_cookie && socket_netns_cookie(probe_local(p)) != x->netns_cookie) {
		task_refuse(p->task, probe_object(p),
			    "is a netlink socket of another network namespace than the tool's",
			    "close it before the dump");
		return 0;
	}
	f->entry->nlsk = e;
	e->id = f->entry->id;
	e->ino = p->stat.st_ino;
	e->protocol = socket_int(probe_local(p), SOL_SOCKET, SO_PROTOCOL, 0);
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->has_ns_id = p->task->ids && p->task->ids->has_net_ns_id;
	e->ns_id = e->has_ns_id ? p->task->ids->net_ns_id : 0;
	if (type != SOCK_RAW) {
		socket_extra(d, f)->has_netlink_type = true;
		socket_extra(d, f)->netlink_type = type;
	}
	ret = collect_addresses(d, p, e);
	if (ret == 0)
		ret = collect_groups(d, f, p, e);
	e->state = (info && info->state == STATE_CONNECTED) || e->dst_portid || e->dst_group;
	if (ret == 0)
		ret = socket_options_collect(d, f, p, type, e->protocol, &e->opts);
	if (ret == 0)
		ret = fown_collect(d, p, &e->fown);
	judge_queue(p, info);
	return ret;
}

/* --- restore -------------------------------------------------------------------------------------
 */

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "netlink socket %u", f->id);
}

static int type_of(struct restore *r, const struct restore_file *f, int *ret)
{
	const CrtoolsSocket *x;
	int err = socket_extra_of(r, f, &x);

	*ret = err == 0 && x && x->has_netlink_type ? (int)x->netlink_type : SOCK_RAW;
	return err;
}

static int bind_port(int fd, uint32_t portid)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_pid = portid };

	if (portid == PORTID_NONE)
		return 0;
	return bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? -errno : 0;
}

/* Its port may have a new owner, and the kernel may lack the protocol. */
static void check_here(struct restore *r, const struct restore_file *f, const NetlinkSkEntry *e)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, e->protocol);
	struct arena *a = restore_arena(r);

	if (fd < 0 && errno == EPROTONOSUPPORT)
		report_refuse(&r->s->report, 0, object_of(r, f),
			      arena_printf(a,
					   "is of the netlink protocol %u, which this kernel lacks",
					   e->protocol),
			      "load the module that has it");
	else if (fd >= 0 && bind_port(fd, e->portid) == -EADDRINUSE)
		report_refuse(
			&r->s->report, 0, object_of(r, f),
			arena_printf(
				a,
				"is bound to port id %u, which another socket of protocol %u has",
				e->portid, e->protocol),
			"end the process that has it (/proc/net/netlink)");
}

static int netlink_check(struct restore *r, struct restore_file *f)
{
	const NetlinkSkEntry *e = f->entry->nlsk;
	const CrtoolsSocket *x;
	int type, ret = socket_extra_of(r, f, &x);

	if (ret == 0)
		ret = type_of(r, f, &type);
	if (ret < 0)
		return ret;
	if (!e || e->id != f->id || !e->fown || e->n_groups > GROUP_WORDS_MAX ||
	    (x && x->n_netlink_group > GROUP_WORDS_MAX) || e->dst_group > 32 ||
	    e->protocol > INT32_MAX || (type != SOCK_RAW && type != SOCK_DGRAM))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of netlink socket %u makes no sense", f->id);
	fown_check(r, f, e->fown, object_of(r, f));
	ret = socket_options_check(r, f, e->opts);
	if (ret == 0)
		check_here(r, f, e);
	return ret;
}

static int join_word(struct restore_task *t, const struct restore_file *f, int fd, size_t at,
		     uint32_t word)
{
	for (int bit = 0; word; bit++, word >>= 1) {
		int group = at * 32 + bit + 1;

		if (word & 1 &&
		    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return err_sys(restore_err(t->r), "setsockopt",
				       "can't join netlink socket %u to group %d", f->id, group);
	}
	return 0;
}

static int join_groups(struct restore_task *t, const struct restore_file *f, int fd)
{
	const NetlinkSkEntry *e = f->entry->nlsk;
	const CrtoolsSocket *x;
	int ret = socket_extra_of(t->r, f, &x);

	for (size_t i = 0; ret == 0 && i < e->n_groups; i++)
		ret = join_word(t, f, fd, i, e->groups[i]);
	for (size_t i = 0; ret == 0 && x && i < x->n_netlink_group; i++)
		ret = join_word(t, f, fd, i + 1, x->netlink_group[i]);
	return ret;
}

static int connect_peer(struct restore_task *t, const struct restore_file *f, int fd)
{
	const NetlinkSkEntry *e = f->entry->nlsk;
	struct sockaddr_nl peer = { .nl_family = AF_NETLINK,
				    .nl_pid = e->dst_portid,
				    .nl_groups = e->dst_group ? 1u << (e->dst_group - 1) : 0 };

	if (e->state != STATE_CONNECTED || connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0)
		return 0;
	return err_sys(restore_err(t->r), "connect",
		       "can't connect netlink socket %u to port id %u, group %u", f->id,
		       e->dst_portid, e->dst_group);
}

static int netlink_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const NetlinkSkEntry *e = f->entry->nlsk;
	_cleanup_fd_ int fd = -1;
	int type, ret = type_of(t->r, f, &type);

	if (ret < 0)
		return ret;
	fd = socket(AF_NETLINK, type | SOCK_CLOEXEC, e->protocol);
	if (fd < 0)
		return err_sys(restore_err(t->r), "socket",
			       "can't make netlink socket %u of protocol %u", f->id, e->protocol);
	ret = socket_options_early(t, f, e->opts, AF_NETLINK, fd);
	if (ret < 0)
		return ret;
	ret = bind_port(fd, e->portid);
	if (ret < 0) {
		errno = -ret;
		return err_sys(restore_err(t->r), "bind",
			       "can't bind netlink socket %u to port id %u", f->id, e->portid);
	}
	ret = connect_peer(t, f, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

/* The groups last: what is heard before is not for the program. */
static int netlink_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const NetlinkSkEntry *e = f->entry->nlsk;
	int ret = socket_options_late(t, f, e->opts, AF_NETLINK, fd);

	if (ret == 0)
		ret = join_groups(t, f, fd);
	if (ret == 0 && e->flags & STATUS_FLAGS && fcntl(fd, F_SETFL, e->flags & STATUS_FLAGS) < 0)
		ret = err_sys(restore_err(t->r), "fcntl",
			      "can't set the flags of netlink socket %u to 0%o", f->id, e->flags);
	return ret < 0 ? ret : fown_attach(t, f, e->fown, e->flags, fd);
}

const struct file_class netlink_class = {
	.name = "netlink socket",
	.type = FD_TYPES__NETLINKSK,
	.match = netlink_match,
	.collect = netlink_collect,
	.check = netlink_check,
	.open = netlink_open,
	.attach = netlink_attach,
};
