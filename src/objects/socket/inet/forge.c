/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams in another's name, by a raw socket (raw(7), IPPROTO_RAW: the packet comes with its
 * header), and the checksum that all of these protocols have.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/socket/inet/inet.h"

#define HOPS 64

uint32_t inet_sum(uint32_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	if (!len) /* gcc 14 reads the byte before the end in any case; here there is none */
		return sum;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return len % 2 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

uint16_t inet_sum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* UDP-Lite has the coverage where UDP has the length; 0: all of it. */
static struct udphdr header(const struct inet_forged *p)
{
	size_t len = sizeof(struct udphdr) + p->len, addr_len = p->v6 ? 16 : 4;
	struct udphdr h = { .source = htons(p->from_port),
			    .dest = htons(p->to_port),
			    .len = htons(p->protocol == IPPROTO_UDP ? len : 0) };
	uint32_t sum = p->protocol + len;

	sum = inet_sum(sum, p->from, addr_len);
	sum = inet_sum(sum, p->to, addr_len);
	sum = inet_sum(sum, &h, sizeof(h));
	sum = inet_sum(sum, p->data, p->len);
	h.check = inet_sum_end(sum);
	if (!h.check) /* that would say that there is none */
		h.check = 0xffff;
	return h;
}

static int send_packet(int fd, const struct inet_forged *p, void *ip, size_t ip_len,
		       const struct sockaddr *to, socklen_t to_len)
{
	struct udphdr udp = header(p);
	struct iovec iov[] = { { ip, ip_len }, { &udp, sizeof(udp) }, { (void *)p->data, p->len } };
	struct msghdr m = { .msg_name = (void *)to,
			    .msg_namelen = to_len,
			    .msg_iov = iov,
			    .msg_iovlen = ARRAY_SIZE(iov) };

	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static int forge_v4(int fd, const struct inet_forged *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct iphdr ip = { .version = 4,
			    .ihl = sizeof(ip) / 4,
			    .ttl = HOPS,
			    .protocol = p->protocol,
			    .tot_len = htons(sizeof(ip) + sizeof(struct udphdr) + p->len) };

	if (sizeof(ip) + sizeof(struct udphdr) + p->len > UINT16_MAX)
		return -EMSGSIZE;
	memcpy(&ip.saddr, p->from, sizeof(ip.saddr));
	memcpy(&ip.daddr, p->to, sizeof(ip.daddr));
	memcpy(&to.sin_addr, p->to, sizeof(to.sin_addr));
	return send_packet(fd, p, &ip, sizeof(ip), (struct sockaddr *)&to, sizeof(to));
}

static int forge_v6(int fd, const struct inet_forged *p)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct ip6_hdr ip = { 0 };

	if (sizeof(struct udphdr) + p->len > UINT16_MAX)
		return -EMSGSIZE;
	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons(sizeof(struct udphdr) + p->len);
	ip.ip6_nxt = p->protocol;
	ip.ip6_hlim = HOPS;
	memcpy(&ip.ip6_src, p->from, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, p->to, sizeof(ip.ip6_dst));
	memcpy(&to.sin6_addr, p->to, sizeof(to.sin6_addr));
	return send_packet(fd, p, &ip, sizeof(ip), (struct sockaddr *)&to, sizeof(to));
}

int inet_forge(int fd, const struct inet_forged *p)
{
	return p->v6 ? forge_v6(fd, p) : forge_v4(fd, p);
}
