/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of internet sockets. An entry has the port in the host's order, and the address as 32
 * bit words that are laid in memory as the kernel's are; the device of a link-local IPv6 address
 * stands in ifname, by name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

const char *inet_text(const union inet_addr *a, char buf[static INET_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "?", device[IFNAMSIZ];

	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		snprintf(buf, INET_TEXT_SIZE, "%s:%u", host, ntohs(a->v4.sin_port));
		return buf;
	}
	inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
	if (a->v6.sin6_scope_id && if_indextoname(a->v6.sin6_scope_id, device))
		snprintf(buf, INET_TEXT_SIZE, "[%s%%%s]:%u", host, device, ntohs(a->v6.sin6_port));
	else
		snprintf(buf, INET_TEXT_SIZE, "[%s]:%u", host, ntohs(a->v6.sin6_port));
	return buf;
}

void inet_addr_store(struct arena *arena, const union inet_addr *a, uint32_t **ret_words,
		     size_t *ret_n, uint32_t *ret_port)
{
	bool v4 = a->sa.sa_family == AF_INET;

	*ret_n = v4 ? 1 : 4;
	*ret_words = arena_memdup(arena, v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr,
				  *ret_n * sizeof(uint32_t));
	*ret_port = ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port);
}

static bool load(const InetSkEntry *e, const uint32_t *words, uint32_t port, union inet_addr *ret)
{
	*ret = (union inet_addr){ .sa.sa_family = e->family };
	if (e->family == AF_INET) {
		ret->v4.sin_port = htons(port);
		memcpy(&ret->v4.sin_addr, words, sizeof(ret->v4.sin_addr));
	} else {
		ret->v6.sin6_port = htons(port);
		memcpy(&ret->v6.sin6_addr, words, sizeof(ret->v6.sin6_addr));
		if (e->ifname && (IN6_IS_ADDR_LINKLOCAL(&ret->v6.sin6_addr) ||
				  IN6_IS_ADDR_MC_LINKLOCAL(&ret->v6.sin6_addr)))
			ret->v6.sin6_scope_id = if_nametoindex(e->ifname);
	}
	return port || !inet_addr_is_any(ret);
}

bool inet_source(const InetSkEntry *e, union inet_addr *ret)
{
	return load(e, e->src_addr, e->src_port, ret);
}

bool inet_destination(const InetSkEntry *e, union inet_addr *ret)
{
	return load(e, e->dst_addr, e->dst_port, ret);
}

socklen_t inet_addr_len(const InetSkEntry *e)
{
	return e->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

bool inet_addr_is_any(const union inet_addr *a)
{
	return a->sa.sa_family == AF_INET ? a->v4.sin_addr.s_addr == htonl(INADDR_ANY)
					  : IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

/* A datagram socket takes no port from anybody. */
static bool try_address(const InetSkEntry *e, union inet_addr *a)
{
	_cleanup_fd_ int fd = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (e->family == AF_INET)
		a->v4.sin_port = 0;
	else
		a->v6.sin6_port = 0;
	return fd < 0 || bind(fd, &a->sa, inet_addr_len(e)) == 0 || errno != EADDRNOTAVAIL;
}

bool inet_is_local(struct hash *known, const InetSkEntry *e)
{
	union inet_addr a;
	uint64_t key = e->family;
	uintptr_t seen;

	inet_source(e, &a);
	for (size_t i = 0; i < e->n_src_addr; i++)
		key = hash_mix(key, e->src_addr[i]);
	if (a.sa.sa_family == AF_INET6)
		key = hash_mix(key, a.v6.sin6_scope_id);
	seen = (uintptr_t)hash_get(known, key);
	if (!seen) {
		seen = try_address(e, &a) ? 1 : 2;
		hash_put(known, key, (void *)seen);
	}
	return seen == 1;
}
