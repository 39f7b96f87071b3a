/* SPDX-License-Identifier: Apache-2.0 */
/* See nftables.h. */
#include "kernel/nftables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/netlink.h"

#define BATCH_SIZE     (96 << 10)
#define BATCH_ELEMENTS 800 /* of IPv6: 52 bytes each; a list of them has less than 64 KiB */

/* Numbers by which nft(8) knows types, six bits each in a concatenation. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_SERVICE = 13 };
/* 32 bit registers; the first four are NFT_REG_1 */
#define REG(n) (NFT_REG32_00 + (n))

static const struct kind {
	const char *set;
	uint32_t id;	/* of the set, in its batch */
	unsigned words; /* of an address */
	uint8_t nfproto;
	uint32_t type;
	uint32_t src_at, dst_at; /* in the header */
} kinds[] = {
	{ "conns4", 1, 1, NFPROTO_IPV4, TYPE_IPV4, 12, 16 },
	{ "conns6", 2, 4, NFPROTO_IPV6, TYPE_IPV6, 8, 24 },
};

struct batch {
	struct nl_msg m;
	const char *table;
	char buf[BATCH_SIZE];
};

const char *nft_lock_name(const char *id, char buf[static NFT_LOCK_NAME])
{
	snprintf(buf, NFT_LOCK_NAME, "CRIU-%s", id);
	return buf;
}

/* --- messages ------------------------------------------------------------------------------------
 */

static void begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t res)
{
	struct nfgenmsg *g = nl_begin(&b->m, type, flags, sizeof(*g));

	if (g) {
		g->nfgen_family = family;
		g->version = NFNETLINK_V0;
		g->res_id = htons(res);
	}
}

static void begin_nft(struct batch *b, uint16_t type, uint16_t flags)
{
	begin(b, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

static void batch_begin(struct batch *b, const char *table)
{
	b->m = nl_msg(b->buf, sizeof(b->buf));
	b->table = table;
	begin(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

static void batch_end(struct batch *b)
{
	begin(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

/* --- rules ---------------------------------------------------------------------------------------
 */

struct expr {
	size_t elem, data;
};

static struct expr expr(struct batch *b, const char *name)
{
	struct expr e = { .elem = nl_nest(&b->m, NFTA_LIST_ELEM) };

	nl_put_str(&b->m, NFTA_EXPR_NAME, name);
	e.data = nl_nest(&b->m, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct batch *b, struct expr e)
{
	nl_nest_end(&b->m, e.data);
	nl_nest_end(&b->m, e.elem);
}

/* meta KEY == value */
static void meta_is(struct batch *b, uint32_t key, const void *value, size_t len)
{
	struct expr e = expr(b, "meta");
	size_t data;

	nl_put_be32(&b->m, NFTA_META_DREG, NFT_REG_1);
	nl_put_be32(&b->m, NFTA_META_KEY, key);
	expr_end(b, e);
	e = expr(b, "cmp");
	nl_put_be32(&b->m, NFTA_CMP_SREG, NFT_REG_1);
	nl_put_be32(&b->m, NFTA_CMP_OP, NFT_CMP_EQ);
	data = nl_nest(&b->m, NFTA_CMP_DATA);
	nl_put(&b->m, NFTA_DATA_VALUE, value, len);
	nl_nest_end(&b->m, data);
	expr_end(b, e);
}

static void payload(struct batch *b, uint32_t reg, uint32_t base, uint32_t at, uint32_t len)
{
	struct expr e = expr(b, "payload");

	nl_put_be32(&b->m, NFTA_PAYLOAD_DREG, reg);
	nl_put_be32(&b->m, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(&b->m, NFTA_PAYLOAD_OFFSET, at);
	nl_put_be32(&b->m, NFTA_PAYLOAD_LEN, len);
	expr_end(b, e);
}

static void verdict(struct batch *b, uint32_t code)
{
	struct expr e = expr(b, "immediate");
	size_t data, inner;

	nl_put_be32(&b->m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(&b->m, NFTA_IMMEDIATE_DATA);
	inner = nl_nest(&b->m, NFTA_DATA_VERDICT);
	nl_put_be32(&b->m, NFTA_VERDICT_CODE, code);
	nl_nest_end(&b->m, inner);
	nl_nest_end(&b->m, data);
	expr_end(b, e);
}

static size_t rule(struct batch *b, const char *chain)
{
	begin_nft(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nl_put_str(&b->m, NFTA_RULE_TABLE, b->table);
	nl_put_str(&b->m, NFTA_RULE_CHAIN, chain);
	return nl_nest(&b->m, NFTA_RULE_EXPRESSIONS);
}

static void rule_mark(struct batch *b, const char *chain)
{
	size_t exprs = rule(b, chain);
	uint32_t mark = NFT_LOCK_MARK;

	meta_is(b, NFT_META_MARK, &mark, sizeof(mark));
	verdict(b, NF_ACCEPT);
	nl_nest_end(&b->m, exprs);
}

static void rule_drop(struct batch *b, const char *chain, const struct kind *k)
{
	size_t exprs = rule(b, chain);
	uint8_t tcp = IPPROTO_TCP;
	uint32_t reg = k->words;
	struct expr e;

	meta_is(b, NFT_META_NFPROTO, &k->nfproto, 1);
	meta_is(b, NFT_META_L4PROTO, &tcp, 1);
	payload(b, NFT_REG_1, NFT_PAYLOAD_NETWORK_HEADER, k->src_at, 4 * k->words);
	payload(b, REG(reg), NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2);
	payload(b, REG(reg + 1), NFT_PAYLOAD_NETWORK_HEADER, k->dst_at, 4 * k->words);
	payload(b, REG(2 * reg + 1), NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	e = expr(b, "lookup");
	nl_put_str(&b->m, NFTA_LOOKUP_SET, k->set);
	nl_put_be32(&b->m, NFTA_LOOKUP_SET_ID, k->id);
	nl_put_be32(&b->m, NFTA_LOOKUP_SREG, NFT_REG_1);
	expr_end(b, e);
	verdict(b, NF_DROP);
	nl_nest_end(&b->m, exprs);
}

/* --- the table -----------------------------------------------------------------------------------
 */

static void add_set(struct batch *b, const struct kind *k)
{
	begin_nft(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nl_put_str(&b->m, NFTA_SET_TABLE, b->table);
	nl_put_str(&b->m, NFTA_SET_NAME, k->set);
	nl_put_be32(&b->m, NFTA_SET_FLAGS, 0);
	nl_put_be32(&b->m, NFTA_SET_KEY_TYPE,
		    ((k->type << 6 | TYPE_SERVICE) << 6 | k->type) << 6 | TYPE_SERVICE);
	nl_put_be32(&b->m, NFTA_SET_KEY_LEN, 8 * k->words + 8);
	nl_put_be32(&b->m, NFTA_SET_ID, k->id);
}

static void add_chain(struct batch *b, const char *name, uint32_t hook)
{
	size_t nest;

	begin_nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_put_str(&b->m, NFTA_CHAIN_TABLE, b->table);
	nl_put_str(&b->m, NFTA_CHAIN_NAME, name);
	nest = nl_nest(&b->m, NFTA_CHAIN_HOOK);
	nl_put_be32(&b->m, NFTA_HOOK_HOOKNUM, hook);
	nl_put_be32(&b->m, NFTA_HOOK_PRIORITY, 0);
	nl_nest_end(&b->m, nest);
	nl_put_be32(&b->m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_put_str(&b->m, NFTA_CHAIN_TYPE, "filter");
}

static int talk(int fd, struct batch *b, const char *what, int not_an_error, struct err *err)
{
	struct err before = *err;
	int ret;

	batch_end(b);
	ret = nl_talk(fd, &b->m, what, NULL, NULL, err);
	if (ret == not_an_error)
		*err = before;
	return ret;
}

static int make_table(int fd, struct batch *b, const char *name, struct err *err)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} chains[] = { { "output", NF_INET_LOCAL_OUT }, { "input", NF_INET_LOCAL_IN } };

	batch_begin(b, name);
	begin_nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	nl_put_str(&b->m, NFTA_TABLE_NAME, name);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_set(b, &kinds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		add_chain(b, chains[i].name, chains[i].hook);
		rule_mark(b, chains[i].name);
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			rule_drop(b, chains[i].name, &kinds[k]);
	}
	/* The last one is to be answered; what fails before is answered anyway. */
	((struct nlmsghdr *)(b->buf + b->m.head))->nlmsg_flags |= NLM_F_ACK;
	return talk(fd, b, "lock TCP connections by nf_tables", -EEXIST, err);
}

/* --- elements ------------------------------------------------------------------------------------
 */

static void element(struct batch *b, const struct kind *k, const uint32_t *src, uint16_t sport,
		    const uint32_t *dst, uint16_t dport)
{
	uint32_t key[10] = { 0 };
	uint16_t ports[2] = { htons(sport), htons(dport) };
	size_t elem = nl_nest(&b->m, NFTA_LIST_ELEM), inner = nl_nest(&b->m, NFTA_SET_ELEM_KEY);

	memcpy(key, src, 4 * k->words);
	memcpy(&key[k->words], &ports[0], 2);
	memcpy(&key[k->words + 1], dst, 4 * k->words);
	memcpy(&key[2 * k->words + 1], &ports[1], 2);
	nl_put(&b->m, NFTA_DATA_VALUE, key, 8 * k->words + 8);
	nl_nest_end(&b->m, inner);
	nl_nest_end(&b->m, elem);
}

/* Both directions of connections from *at on, as many as fit; *at moves on. */
static int add_some(int fd, struct batch *b, const char *name, const struct kind *k,
		    const struct nft_connection *all, size_t n, size_t *at, struct err *err)
{
	size_t nest, count = 0;

	batch_begin(b, name);
	begin_nft(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK);
	nl_put_str(&b->m, NFTA_SET_ELEM_LIST_TABLE, name);
	nl_put_str(&b->m, NFTA_SET_ELEM_LIST_SET, k->set);
	nest = nl_nest(&b->m, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (; *at < n && count + 2 <= BATCH_ELEMENTS; (*at)++) {
		const struct nft_connection *c = &all[*at];

		if ((c->family == AF_INET ? 1 : 4) != (int)k->words)
			continue;
		element(b, k, c->src, c->src_port, c->dst, c->dst_port);
		element(b, k, c->dst, c->dst_port, c->src, c->src_port);
		count += 2;
	}
	nl_nest_end(&b->m, nest);
	return count ? talk(fd, b, "lock TCP connections by nf_tables", 0, err) : 0;
}

/* To try to make one that is there would do as well, but the kernel takes a grace period of RCU, 10
 * ms and more, to forget what it has begun (__nf_tables_abort() in net/netfilter/nf_tables_api.c).
 */
static bool is_there(int fd, struct batch *b, const char *name)
{
	struct err ignored = { 0 };

	b->m = nl_msg(b->buf, sizeof(b->buf));
	begin_nft(b, NFT_MSG_GETTABLE, NLM_F_ACK);
	nl_put_str(&b->m, NFTA_TABLE_NAME, name);
	return nl_talk(fd, &b->m, "look for a table of nf_tables", NULL, NULL, &ignored) == 0;
}

int nft_lock(const char *name, const struct nft_connection *all, size_t n, struct err *err)
{
	_cleanup_fd_ int fd = nl_open(NETLINK_NETFILTER, err);
	struct batch b;
	int ret;

	if (fd < 0)
		return fd;
	ret = is_there(fd, &b, name) ? -EEXIST : make_table(fd, &b, name, err);
	for (size_t k = 0; ret == 0 && k < ARRAY_SIZE(kinds); k++)
		for (size_t at = 0; ret == 0 && at < n;)
			ret = add_some(fd, &b, name, &kinds[k], all, n, &at, err);
	return ret;
}

/*
 * When a socket of netfilter is closed, the kernel waits until no processor can see any more what
 * was removed, a grace period of RCU or two (nft_rcv_nl_event() in net/netfilter/nf_tables_api.c).
 * What was to be removed is, so nobody here needs to wait: the socket goes into the queue of a unix
 * socket that nothing but its own queue holds, and the kernel's collector of those closes both;
 * from Linux 6.9 on in a thread of the kernel (unix_gc() in net/unix/garbage.c).
 */
static void leave_to_the_kernel(int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(2 * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &byte,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0) {
		memcpy(CMSG_DATA(&control.head), (int[]){ fd, pair[1] }, 2 * sizeof(int));
		sendmsg(pair[0], &msg, MSG_DONTWAIT); /* else the socket is closed here */
		close(pair[0]);
		close(pair[1]);
	}
	close(fd);
}

int nft_unlock(const char *name, struct err *err)
{
	int fd = nl_open(NETLINK_NETFILTER, err), ret;
	struct batch b;

	if (fd < 0)
		return fd;
	batch_begin(&b, name);
	begin_nft(&b, NFT_MSG_DELTABLE, NLM_F_ACK);
	nl_put_str(&b.m, NFTA_TABLE_NAME, name);
	ret = talk(fd, &b, "unlock TCP connections", -ENOENT, err);
	leave_to_the_kernel(fd);
	return ret;
}
