/* SPDX-License-Identifier: Apache-2.0 */
/* See sock_diag.h. */
#include "kernel/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

#define REQUEST_MAX 256

int sock_diag_list(int netlink, const void *req, size_t req_size, const char *what,
		   int (*answer)(const struct nlmsghdr *h, void *data), void *data, struct err *err)
{
	char buf[REQUEST_MAX];
	struct nl_msg m = nl_msg(buf, sizeof(buf));
	void *body = nl_begin(&m, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, req_size);

	if (body)
		memcpy(body, req, req_size);
	return nl_talk(netlink, &m, what, answer, data, err);
}

struct unix_listing {
	struct arena *arena;
	struct hash *by_ino;
	const struct unix_diag_info *first;
};

static void take_name(struct arena *a, const struct nlattr *attr, struct unix_diag_info *info)
{
	if (!attr)
		return;
	info->name_len = nl_len(attr);
	info->name = arena_memdup(a, nl_data(attr), info->name_len);
}

static int take_unix(const struct nlmsghdr *h, void *data)
{
	const struct unix_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[UNIX_DIAG_MAX + 1], *at;
	struct unix_listing *l = data;
	struct unix_diag_info *info;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)))
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, UNIX_DIAG_MAX);
	info = arena_new(l->arena, struct unix_diag_info);
	*info = (struct unix_diag_info){ .ino = msg->udiag_ino,
					 .type = msg->udiag_type,
					 .state = msg->udiag_state,
					 .peer = nl_u32(attrs[UNIX_DIAG_PEER], 0),
					 .next = l->first };
	l->first = info;
	at = attrs[UNIX_DIAG_VFS];
	if (at && nl_len(at) >= sizeof(struct unix_diag_vfs)) {
		const struct unix_diag_vfs *vfs = nl_data(at);

		info->vfs_ino = vfs->udiag_vfs_ino;
		info->vfs_dev = vfs->udiag_vfs_dev;
	}
	at = attrs[UNIX_DIAG_RQLEN];
	if (at && nl_len(at) >= sizeof(struct unix_diag_rqlen)) {
		const struct unix_diag_rqlen *len = nl_data(at);

		info->rqueue = len->udiag_rqueue;
		info->wqueue = len->udiag_wqueue;
	}
	at = attrs[UNIX_DIAG_ICONS];
	if (at) {
		info->n_icons = nl_len(at) / sizeof(*info->icons);
		info->icons =
			arena_memdup(l->arena, nl_data(at), info->n_icons * sizeof(*info->icons));
	}
	at = attrs[UNIX_DIAG_SHUTDOWN];
	if (at && nl_len(at))
		info->shutdown = *(const uint8_t *)nl_data(at);
	take_name(l->arena, attrs[UNIX_DIAG_NAME], info);
	hash_put(l->by_ino, info->ino, info);
	return 0;
}

#define SHOWN                                                                                      \
	(UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN)

int unix_diag_all(int netlink, struct arena *a, struct hash *ret_by_ino,
		  const struct unix_diag_info **ret_first, struct err *err)
{
	struct unix_diag_req req = { .sdiag_family = AF_UNIX,
				     .udiag_states = ~0u,
				     .udiag_show = SHOWN };
	struct unix_listing l = { a, ret_by_ino, NULL };
	int ret =
		sock_diag_list(netlink, &req, sizeof(req), "list unix sockets", take_unix, &l, err);

	if (ret == 0 && ret_first)
		*ret_first = l.first;
	return ret;
}

int unix_diag_one(int netlink, uint32_t ino, struct arena *a, struct hash *ret_by_ino,
		  struct err *err)
{
	struct unix_diag_req req = { .sdiag_family = AF_UNIX,
				     .udiag_states = ~0u,
				     .udiag_ino = ino,
				     .udiag_show = SHOWN,
				     .udiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };
	struct unix_listing l = { a, ret_by_ino, NULL };
	char buf[REQUEST_MAX];
	struct nl_msg m = nl_msg(buf, sizeof(buf));
	void *body = nl_begin(&m, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, sizeof(req));

	if (body)
		memcpy(body, &req, sizeof(req));
	return nl_talk(netlink, &m, "find a unix socket", take_unix, &l, err);
}

struct inet_listing {
	struct arena *arena;
	struct hash *by_ino;
};

static int take_inet(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[INET_DIAG_MAX + 1], *at;
	struct inet_listing *l = data;
	struct inet_diag_info *info;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || !msg->idiag_inode)
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, INET_DIAG_MAX);
	info = arena_new(l->arena, struct inet_diag_info);
	*info = (struct inet_diag_info){ .ino = msg->idiag_inode,
					 .state = msg->idiag_state,
					 .src_port = ntohs(msg->id.idiag_sport),
					 .dst_port = ntohs(msg->id.idiag_dport),
					 .device = msg->id.idiag_if };
	memcpy(info->src, msg->id.idiag_src, sizeof(info->src));
	memcpy(info->dst, msg->id.idiag_dst, sizeof(info->dst));
	at = attrs[INET_DIAG_SHUTDOWN];
	if (at && nl_len(at))
		info->shutdown = *(const uint8_t *)nl_data(at);
	hash_put(l->by_ino, info->ino, info);
	return 0;
}

int inet_diag_all(int netlink, int family, int protocol, struct arena *a, struct hash *ret_by_ino,
		  struct err *err)
{
	struct inet_diag_req_v2 req = { .sdiag_family = family,
					.sdiag_protocol = protocol,
					.idiag_states = ~0u };
	struct inet_listing l = { a, ret_by_ino };
	struct err before = *err;
	int ret = sock_diag_list(netlink, &req, sizeof(req), "list internet sockets", take_inet, &l,
				 err);

	if (ret == -ENOENT)
		*err = before;
	return ret;
}

/* --- keys ----------------------------------------------------------------------------------------
 */

#define DIAG_MD5SIG 18 /* INET_DIAG_MD5SIG, Linux 4.14 */

struct keys {
	uint32_t ino;
	struct arena *arena;
	const struct inet_diag_key *keys;
	size_t n;
};

static int take_keys(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[DIAG_MD5SIG + 1];
	struct keys *k = data;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || msg->idiag_inode != k->ino)
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, DIAG_MD5SIG);
	if (!attrs[DIAG_MD5SIG])
		return 0;
	k->n = nl_len(attrs[DIAG_MD5SIG]) / sizeof(*k->keys);
	k->keys = arena_memdup(k->arena, nl_data(attrs[DIAG_MD5SIG]), k->n * sizeof(*k->keys));
	return 0;
}

/* -ENOENT: err is not filled. */
static int ask_for_one(int netlink, int family, const struct inet_diag_sockid *id, const char *what,
		       int (*answer)(const struct nlmsghdr *h, void *data), void *data,
		       struct err *err)
{
	struct inet_diag_req_v2 req = { .sdiag_family = family,
					.sdiag_protocol = IPPROTO_TCP,
					.idiag_ext = 1 << (INET_DIAG_INFO - 1),
					.idiag_states = ~0u,
					.id = *id };
	struct err before = *err;
	char buf[REQUEST_MAX];
	struct nl_msg m = nl_msg(buf, sizeof(buf));
	void *body = nl_begin(&m, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, sizeof(req));
	int ret;

	if (body)
		memcpy(body, &req, sizeof(req));
	ret = nl_talk(netlink, &m, what, answer, data, err);
	if (ret == -ENOENT)
		*err = before;
	return ret;
}

int inet_diag_keys(int netlink, int family, const struct inet_diag_sockid *id, uint32_t ino,
		   struct arena *a, const struct inet_diag_key **ret_keys, size_t *ret_n,
		   struct err *err)
{
	/* They come only with what is told of the connection. */
	struct keys k = { .ino = ino, .arena = a };
	int ret = ask_for_one(netlink, family, id, "ask for the keys of a TCP socket", take_keys,
			      &k, err);

	if (ret < 0)
		return ret;
	*ret_keys = k.keys;
	*ret_n = k.n;
	return 0;
}

/* --- one connection ------------------------------------------------------------------------------
 */

struct connection {
	bool found;
	uint32_t waiting;
	struct tcp_info info;
};

static int take_connection(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);
	const struct nlattr *attrs[INET_DIAG_MAX + 1], *at;
	struct connection *c = data;

	/* A listener answers for those that are not there. */
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || !msg->id.idiag_dport)
		return 0;
	nl_parse(msg + 1, h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg)), attrs, INET_DIAG_MAX);
	at = attrs[INET_DIAG_INFO];
	if (at)
		memcpy(&c->info, nl_data(at),
		       nl_len(at) < sizeof(c->info) ? nl_len(at) : sizeof(c->info));
	c->info.tcpi_state = msg->idiag_state;
	c->waiting = msg->idiag_rqueue;
	c->found = true;
	return 0;
}

int inet_diag_connection(int netlink, int family, const struct inet_diag_sockid *id,
			 uint32_t *ret_waiting, struct tcp_info *ret_info, struct err *err)
{
	struct connection c = { 0 };
	int ret = ask_for_one(netlink, family, id, "look at a TCP connection", take_connection, &c,
			      err);

	if (ret < 0 || !c.found)
		return ret < 0 ? ret : -ENOENT;
	*ret_waiting = c.waiting;
	*ret_info = c.info;
	return 0;
}
