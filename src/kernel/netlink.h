/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to and from the kernel through AF_NETLINK (netlink(7)): sock_diag, nftables, rtnetlink.
 * It is small enough to be ours: Debian 12 has no static libmnl, and the tool is one static file.
 *
 * Functions return 0 or a negative errno. Where there is an err, it is filled; the kernel's own
 * text (NLMSGERR_ATTR_MSG, Linux 4.12) is in it.
 */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A socket in the caller's network namespace (CLOEXEC), or -errno. protocol: NETLINK_SOCK_DIAG, … */
int nl_open(int protocol, struct err *err);

/* --- making messages ---------------------------------------------------------------------------
 * In the caller's buffer. What does not fit is left out, and told when the message is sent.
 */
struct nl_msg {
	char *buf;
	size_t size, len; /* of all messages in it: a batch is several, one behind the other */
	size_t head;	  /* where the current message starts */
	bool full;
};

struct nl_msg nl_msg(void *buf, size_t size);
/* Starts the next message; returns `extra` zeroed bytes behind the netlink header, or NULL. */
void *nl_begin(struct nl_msg *m, uint16_t type, uint16_t flags, size_t extra);
void nl_put(struct nl_msg *m, uint16_t type, const void *data, size_t len);
void nl_put_u32(struct nl_msg *m, uint16_t type, uint32_t value);
void nl_put_be32(struct nl_msg *m, uint16_t type, uint32_t value);
void nl_put_str(struct nl_msg *m, uint16_t type, const char *text); /* with its NUL */
/* A nested attribute: nl_nest_end() takes what nl_nest() returned. */
size_t nl_nest(struct nl_msg *m, uint16_t type);
void nl_nest_end(struct nl_msg *m, size_t nest);

/* --- talking ------------------------------------------------------------------------------------
 */

/* One message that is an answer, not an error, an acknowledgement or an end. */
typedef int (*nl_answer)(const struct nlmsghdr *h, void *data);

/* Sends a request and takes its answers until the dump ends (NLM_F_DUMP), or the acknowledgement
 * comes (NLM_F_ACK in the last message). `what` names it in errors: "list unix sockets". answer may
 * be NULL; what it returns, if negative, ends the talk. -ENOENT and the like are the kernel's. */
int nl_talk(int fd, const struct nl_msg *m, const char *what, nl_answer answer, void *data,
	    struct err *err);

/* --- reading attributes --------------------------------------------------------------------------
 */

/* Into table[type], up to max; the rest is passed over. Points into the message. */
void nl_parse(const void *attrs, size_t len, const struct nlattr **table, size_t max);
static inline const void *nl_data(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}
static inline size_t nl_len(const struct nlattr *a)
{
	return a->nla_len - NLA_HDRLEN;
}
/* The value, or `otherwise` where the attribute is missing or short. */
uint32_t nl_u32(const struct nlattr *a, uint32_t otherwise);

#endif
