/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by which a TCP socket signs its segments (TCP_MD5SIG, RFC 2385; routers use them). No call
 * reads one from its descriptor, but sock_diag(7) shows those of connections and listeners (Linux
 * 4.14, CAP_NET_ADMIN). Without its key no segment of a connection would be heard. They are set
 * before a socket is connected, as they take room in its segments, or listens.
 *
 * Keys of TCP-AO (RFC 5925) can't be read; a connection with one is refused.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <net/if.h>
#include <string.h>

#include "kernel/sock_diag.h"
#include "objects/socket/inet/inet.h"

#define TCP_AO_INFO_ 40

static void keep(struct dump *d, struct inet_out *s, const struct inet_diag_key *key)
{
	struct arena *a = dump_arena(d);
	CrtoolsSocket *x = socket_extra(d, s->file);
	CrtoolsTcpKey *k = arena_msg(a, CrtoolsTcpKey, crtools_tcp_key);

	k->has_address = k->has_prefix = k->has_key = true;
	k->address.len = key->family == AF_INET ? 4 : 16;
	k->address.data = arena_memdup(a, key->addr, k->address.len);
	k->prefix = key->prefix;
	k->key.len = key->len <= sizeof(key->bytes) ? key->len : sizeof(key->bytes);
	k->key.data = arena_memdup(a, key->bytes, k->key.len);
	arena_push(a, x->tcp_key, x->n_tcp_key, k);
}

bool tcp_keys_hidden(int fd)
{
	char info[64] = "";
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_TCP, TCP_AO_INFO_, info, &len) == 0;
}

/* What brings back that an end was said is a packet in the peer's name, and that is not signed. */
void tcp_keys_judge(const struct inet_out *s)
{
	uint32_t state = s->e->state;

	if (s->keyed && state != INET_ESTABLISHED && state != INET_SYN_SENT && state != INET_LISTEN)
		task_refuse(s->task, s->object,
			    "signs its segments (TCP_MD5SIG), and is about to end",
			    "try again when it has");
	if (s->keyed && s->waits)
		task_refuse(s->task, s->object,
			    "signs its segments (TCP_MD5SIG), and has not accepted connections yet",
			    "try again when it has, or drop them with --skip-in-flight");
}

int tcp_keys_collect(struct dump *d, struct inet_dump *x, struct inet_out *s,
		     const struct inet_answers *a)
{
	const InetSkEntry *e = s->e;
	struct inet_diag_sockid id = { .idiag_sport = htons(e->src_port),
				       .idiag_dport = htons(e->dst_port),
				       .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };
	const struct inet_diag_key *keys;
	size_t n;
	int ret;

	if (a->signs)
		task_refuse(s->task, s->object,
			    "signs its segments (TCP-AO) by keys that can't be read",
			    "close it before the dump");
	/* Each key is charged to it (__tcp_md5_do_add() in net/ipv4/tcp_ipv4.c). */
	if (!a->options.charged)
		return 0;
	memcpy(id.idiag_src, e->src_addr, e->n_src_addr * sizeof(uint32_t));
	memcpy(id.idiag_dst, e->dst_addr, e->n_dst_addr * sizeof(uint32_t));
	if (e->opts->so_bound_dev)
		id.idiag_if = if_nametoindex(e->opts->so_bound_dev);
	ret = inet_diag_keys(x->netlink, e->family, &id, e->ino, dump_arena(d), &keys, &n,
			     dump_err(d));
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	for (size_t i = 0; i < n; i++)
		keep(d, s, &keys[i]);
	s->keyed = n;
	tcp_keys_judge(s);
	return 0;
}

/* --- restore -------------------------------------------------------------------------------------
 */

int tcp_keys_check(struct restore *r, const struct inet_in *s)
{
	for (size_t i = 0; s->x && i < s->x->n_tcp_key; i++) {
		const CrtoolsTcpKey *k = s->x->tcp_key[i];

		if ((k->address.len != 4 && (k->address.len != 16 || s->e->family == AF_INET)) ||
		    k->prefix > 8 * k->address.len || !k->key.len ||
		    k->key.len > TCP_MD5SIG_MAXKEYLEN)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "crtools-files.img: key %zu of %s is none that a TCP socket "
				       "has",
				       i, inet_object(r, s));
	}
	return 0;
}

static void fill_address(int family, const CrtoolsTcpKey *k, void *ret)
{
	union inet_addr a = { .sa.sa_family = family };

	if (family == AF_INET) {
		memcpy(&a.v4.sin_addr, k->address.data, 4);
	} else if (k->address.len == 16) {
		memcpy(&a.v6.sin6_addr, k->address.data, 16);
	} else {
		a.v6.sin6_addr.s6_addr[10] = a.v6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&a.v6.sin6_addr.s6_addr[12], k->address.data, 4);
	}
	memcpy(ret, &a, sizeof(a));
}

int tcp_keys_set(struct restore_task *t, const struct inet_in *s, int fd)
{
	for (size_t i = 0; s->x && i < s->x->n_tcp_key; i++) {
		const CrtoolsTcpKey *k = s->x->tcp_key[i];
		struct tcp_md5sig sig = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX,
					  .tcpm_prefixlen = k->prefix,
					  .tcpm_keylen = k->key.len };

		fill_address(s->e->family, k, &sig.tcpm_addr);
		memcpy(sig.tcpm_key, k->key.data, k->key.len);
		if (setsockopt(fd, SOL_TCP, TCP_MD5SIG_EXT, &sig, sizeof(sig)) < 0)
			return inet_failed(t, s, "setsockopt", "set a key (TCP_MD5SIG) of");
	}
	return 0;
}
