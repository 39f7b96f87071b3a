/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in the peer's name. What a connection has heard from its peer, a FIN or the
 * acknowledgement of its own, can't be set in repair mode: the kernel has to hear it again. So the
 * restored socket is sent a packet with its peer's address, by a raw socket (raw(7)), marked so
 * that the lock lets it pass. It acknowledges what the peer has acknowledged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/nftables.h"
#include "objects/socket/inet/inet.h"

/* With the pseudo header. */
static uint16_t checksum(const struct tcp_forged *p, const struct tcphdr *h, const void *src,
			 const void *dst, size_t addr_len)
{
	uint32_t sum = IPPROTO_TCP + sizeof(*h) + p->len;

	sum = inet_sum(sum, src, addr_len);
	sum = inet_sum(sum, dst, addr_len);
	sum = inet_sum(sum, h, sizeof(*h));
	sum = inet_sum(sum, p->data, p->len);
	return inet_sum_end(sum);
}

static struct tcphdr header(const struct tcp_forged *p)
{
	struct tcphdr h = { 0 };

	h.source = htons(p->e->dst_port);
	h.dest = htons(p->e->src_port);
	h.seq = htonl(p->seq);
	h.ack_seq = htonl(p->ack);
	h.doff = sizeof(h) / 4;
	h.ack = 1;
	h.fin = p->fin;
	h.rst = p->reset;
	h.psh = p->len > 0;
	h.window = htons(p->window);
	return h;
}

static int open_raw(int family, uint32_t priority)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), mark = NFT_LOCK_MARK, ret;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0 &&
	    (!priority ||
	     setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) == 0))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* head: of IP and of TCP. */
static int send_packet(int fd, const struct tcp_forged *p, void *head, size_t head_len,
		       const struct sockaddr *to, socklen_t to_len)
{
	struct iovec iov[] = { { head, head_len }, { (void *)p->data, p->len } };
	struct msghdr m = { .msg_name = (void *)to,
			    .msg_namelen = to_len,
			    .msg_iov = iov,
			    .msg_iovlen = ARRAY_SIZE(iov) };

	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static int send_v4(int fd, const struct tcp_forged *p, uint32_t from, uint32_t to)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = to };
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = { .tcp = header(p) };

	packet.ip.version = 4;
	packet.ip.ihl = sizeof(packet.ip) / 4;
	packet.ip.tot_len = htons(sizeof(packet) + p->len);
	packet.ip.ttl = 64;
	packet.ip.protocol = IPPROTO_TCP;
	packet.ip.saddr = from;
	packet.ip.daddr = to;
	packet.tcp.check = checksum(p, &packet.tcp, &from, &to, 4);
	return send_packet(fd, p, &packet, sizeof(packet), (struct sockaddr *)&addr, sizeof(addr));
}

static int send_v6(int fd, const struct tcp_forged *p)
{
	union inet_addr own;
	struct {
		struct ip6_hdr ip;
		struct tcphdr tcp;
	} packet = { .tcp = header(p) };

	inet_source(p->e, &own);
	own.v6.sin6_port = 0;
	packet.ip.ip6_flow = htonl(6u << 28);
	packet.ip.ip6_plen = htons(sizeof(packet.tcp) + p->len);
	packet.ip.ip6_nxt = IPPROTO_TCP;
	packet.ip.ip6_hlim = 64;
	memcpy(&packet.ip.ip6_src, p->e->dst_addr, 16);
	memcpy(&packet.ip.ip6_dst, p->e->src_addr, 16);
	packet.tcp.check = checksum(p, &packet.tcp, p->e->dst_addr, p->e->src_addr, 16);
	return send_packet(fd, p, &packet, sizeof(packet), &own.sa, sizeof(own.v6));
}

int tcp_forge(const struct tcp_forged *p)
{
	bool v6 = p->e->family == AF_INET6,
	     mapped = v6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)p->e->dst_addr);
	_cleanup_fd_ int fd = open_raw(v6 && !mapped ? AF_INET6 : AF_INET, p->priority);

	if (p->len > TCP_FORGED_MAX)
		return -EMSGSIZE;
	if (fd < 0)
		return fd;
	if (v6 && !mapped)
		return send_v6(fd, p);
	return send_v4(fd, p, p->e->dst_addr[mapped ? 3 : 0], p->e->src_addr[mapped ? 3 : 0]);
}
