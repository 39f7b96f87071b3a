/* SPDX-License-Identifier: Apache-2.0 */
/* What workloads of packet sockets share: what the kernel says of one, and frames through lo. */
#ifndef WORKLOAD_PACKET_H
#define WORKLOAD_PACKET_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

#define TEST_PROTOCOL 0x88b6 /* for local experiments */
#define PACKET_LEN    60

/* The attributes of packet_diag but for what moves: memory in use. */
struct packet_state {
	struct wl_fd fd;
	struct sockaddr_ll own;
	int fanout;
	size_t len;
	unsigned char diag[1024];
};

static inline void packet_set(int fd, int name, int value)
{
	wl_try(setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)));
}

static inline struct sockaddr_ll packet_lo(int protocol)
{
	return (struct sockaddr_ll){ .sll_family = AF_PACKET,
				     .sll_protocol = htons(protocol),
				     .sll_ifindex = if_nametoindex("lo"),
				     .sll_halen = 6 };
}

static inline void packet_bind(int fd, int protocol)
{
	struct sockaddr_ll own = packet_lo(protocol);

	wl_try(bind(fd, (struct sockaddr *)&own, sizeof(own)));
}

/* A frame to lo, with a number as its data. Any packet socket without a ring for sending. */
static inline void packet_send_number(int fd, unsigned char number)
{
	struct sockaddr_ll to = packet_lo(TEST_PROTOCOL);
	unsigned char frame[PACKET_LEN] = { [12] = TEST_PROTOCOL >> 8,
					    TEST_PROTOCOL & 0xff,
					    number };

	wl_check_eq(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
		    sizeof(frame));
}

static inline void packet_keep(struct packet_state *s, const struct nlmsghdr *h)
{
	const struct packet_diag_msg *m = NLMSG_DATA(h);
	const char *end = (const char *)h + h->nlmsg_len, *at = (const char *)(m + 1);

	s->diag[0] = m->pdiag_type;
	s->len = 1;
	while (at + sizeof(struct nlattr) <= end) {
		const struct nlattr *a = (const void *)at;

		wl_check(s->len + a->nla_len <= sizeof(s->diag));
		memcpy(s->diag + s->len, a, a->nla_len);
		s->len += a->nla_len;
		at += NLA_ALIGN(a->nla_len);
	}
}

static inline void packet_look(int fd, struct packet_state *s)
{
	struct {
		struct nlmsghdr h;
		struct packet_diag_req r;
	} req = { { sizeof(req), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		  { .sdiag_family = AF_PACKET,
		    .pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MCLIST | PACKET_SHOW_RING_CFG |
				  PACKET_SHOW_FANOUT | PACKET_SHOW_FILTER } };
	int netlink = wl_try(socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
	static char buf[65536];
	struct stat st;
	bool end = false;
	socklen_t len = sizeof(s->own);

	memset(s, 0, sizeof(*s));
	wl_fd_save(fd, &s->fd);
	wl_try(getsockname(fd, (struct sockaddr *)&s->own, &len));
	len = sizeof(s->fanout);
	getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &s->fanout, &len);
	wl_try(fstat(fd, &st));
	wl_try(send(netlink, &req, sizeof(req), 0));
	while (!end) {
		ssize_t n = wl_try(recv(netlink, buf, sizeof(buf), 0));

		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct packet_diag_msg *m = NLMSG_DATA(h);

			end |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
			if (!end && m->pdiag_ino == st.st_ino)
				packet_keep(s, h);
		}
	}
	wl_check(s->len > 1);
	close(netlink);
}

static inline void packet_compare(int fd, const struct packet_state *was)
{
	struct packet_state now;

	packet_look(fd, &now);
	wl_fd_check(fd, &was->fd);
	wl_check(!memcmp(&now.own, &was->own, sizeof(now.own)));
	wl_check_eq(now.fanout, was->fanout);
	wl_check_eq(now.len, was->len);
	for (size_t i = 0; i < now.len; i++)
		if (now.diag[i] != was->diag[i])
			wl_fail("byte %zu of what packet_diag says is %u, was %u", i, now.diag[i],
				was->diag[i]);
}

#endif
