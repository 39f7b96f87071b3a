/* SPDX-License-Identifier: Apache-2.0 */
/* See netlink.h. */
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define ANSWER_MAX (64 << 10) /* the kernel makes its pieces of a dump no larger than 32 KiB */

int nl_open(int protocol, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;

	if (fd < 0)
		return err_sys(
			err, "socket",
			"can't open a netlink socket of protocol %d (does the kernel have it?)",
			protocol);
	/* Texts with errors, and only the header of what failed; older kernels do without. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

struct nl_msg nl_msg(void *buf, size_t size)
{
	return (struct nl_msg){ .buf = buf, .size = size };
}

/* Room for len bytes at the end, zeroed and aligned; NULL: it is full. */
static void *grow(struct nl_msg *m, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);
	void *at;

	if (m->full || padded > m->size - m->len) {
		m->full = true;
		return NULL;
	}
	at = m->buf + m->len;
	memset(at, 0, padded);
	m->len += padded;
	return at;
}

static void measure(struct nl_msg *m)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(m->buf + m->head);

	h->nlmsg_len = m->len - m->head;
}

void *nl_begin(struct nl_msg *m, uint16_t type, uint16_t flags, size_t extra)
{
	size_t at = m->len;
	struct nlmsghdr *h = grow(m, NLMSG_HDRLEN + extra);

	if (!h)
		return NULL;
	m->head = at;
	h->nlmsg_type = type;
	h->nlmsg_flags = flags | NLM_F_REQUEST;
	measure(m);
	return NLMSG_DATA(h);
}

void nl_put(struct nl_msg *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = grow(m, NLA_HDRLEN + len);

	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
	measure(m);
}

void nl_put_u32(struct nl_msg *m, uint16_t type, uint32_t value)
{
	nl_put(m, type, &value, sizeof(value));
}

void nl_put_be32(struct nl_msg *m, uint16_t type, uint32_t value)
{
	nl_put_u32(m, type, htonl(value));
}

void nl_put_str(struct nl_msg *m, uint16_t type, const char *text)
{
	nl_put(m, type, text, strlen(text) + 1);
}

size_t nl_nest(struct nl_msg *m, uint16_t type)
{
	size_t at = m->len;

	nl_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_msg *m, size_t nest)
{
	if (!m->full)
		((struct nlattr *)(m->buf + nest))->nla_len = m->len - nest;
}

void nl_parse(const void *attrs, size_t len, const struct nlattr **table, size_t max)
{
	const char *at = attrs;

	memset(table, 0, (max + 1) * sizeof(*table));
	while (len >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)at;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return;
		if ((a->nla_type & NLA_TYPE_MASK) <= max)
			table[a->nla_type & NLA_TYPE_MASK] = a;
		if (step >= len)
			return;
		at += step;
		len -= step;
	}
}

uint32_t nl_u32(const struct nlattr *a, uint32_t otherwise)
{
	uint32_t value;

	if (!a || nl_len(a) < sizeof(value))
		return otherwise;
	memcpy(&value, nl_data(a), sizeof(value));
	return value;
}

/* What the kernel says of a request that failed, behind the error's own number. */
static const char *kernel_text(const struct nlmsghdr *h)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *e = NLMSG_DATA(h);
	size_t skip = sizeof(*e);

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - NLMSG_HDRLEN;
	if (skip > NLMSG_PAYLOAD(h, 0))
		return NULL;
	nl_parse((const char *)e + skip, NLMSG_PAYLOAD(h, 0) - skip, attrs, NLMSGERR_ATTR_MAX);
	return attrs[NLMSGERR_ATTR_MSG] ? nl_data(attrs[NLMSGERR_ATTR_MSG]) : NULL;
}

static int refused(const struct nlmsghdr *h, int num, const char *what, struct err *err)
{
	const char *text = kernel_text(h);

	errno = num;
	return err_sys(err, "netlink", "can't %s%s%s", what, text ? ": the kernel says " : "",
		       text ? text : "");
}

/* 1: that was the last message of the talk. */
static int take(const struct nlmsghdr *h, const char *what, nl_answer answer, void *data,
		struct err *err)
{
	int num = 0;

	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		if (NLMSG_PAYLOAD(h, 0) >= sizeof(num))
			memcpy(&num, NLMSG_DATA(h), sizeof(num));
		return num < 0 ? refused(h, -num, what, err) : 1;
	}
	return answer && h->nlmsg_type >= NLMSG_MIN_TYPE ? answer(h, data) : 0;
}

static int send_all(int fd, const struct nl_msg *m, const char *what, struct err *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (m->full)
		return err_set(err, ERR_INTERNAL, E2BIG, "a message to %s is too large", what);
	if (sendto(fd, m->buf, m->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return err_sys(err, "sendto", "can't %s", what);
	return 0;
}

int nl_talk(int fd, const struct nl_msg *m, const char *what, nl_answer answer, void *data,
	    struct err *err)
{
	_cleanup_free_ char *buf = malloc(ANSWER_MAX);
	int ret = buf ? send_all(fd, m, what, err)
		      : err_set(err, ERR_RESOURCE, ENOMEM, "no memory to %s", what);

	while (ret == 0) {
		ssize_t n = recv(fd, buf, ANSWER_MAX, 0), left = n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "recv", "can't %s", what);
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; ret == 0 && NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left))
			ret = take(h, what, answer, data, err);
	}
	return ret < 0 ? ret : 0;
}
