/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that CRIU's format has no field for, each set to another value than a new socket has, and
 * multicast groups, with and without sources.
 *
 * wl: areas inet-sockets tcp
 * wl: cycles 3
 * wl: crossing none CRIU drops them
 */
#include "inet.h"

#include <arpa/inet.h>
#include <net/if.h>

static const struct option {
	int family, type, level, name, value;
} options[] = {
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_RECVERR, 1 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_RECVTTL, 1 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_RECVTOS, 1 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_TRANSPARENT, 1 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_RECVORIGDSTADDR, 1 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_MINTTL, 3 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_MULTICAST_TTL, 9 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_MULTICAST_LOOP, 0 },
	{ AF_INET, SOCK_DGRAM, SOL_IP, IP_MULTICAST_ALL, 0 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, 104, 1 },	 /* UDP_GRO */
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, 103, 1000 }, /* UDP_SEGMENT */
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_UNICAST_HOPS, 7 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_MULTICAST_HOPS, 8 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_MULTICAST_LOOP, 0 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_RECVHOPLIMIT, 1 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_RECVTCLASS, 1 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_TCLASS, 0x20 },
	{ AF_INET6, SOCK_DGRAM, SOL_IPV6, IPV6_DONTFRAG, 1 },
	{ AF_INET6, SOCK_DGRAM, SOL_IP, IP_TOS, 0x10 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_SYNCNT, 3 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_LINGER2, 5 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_DEFER_ACCEPT, 3 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_MAXSEG, 900 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_USER_TIMEOUT, 7000 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_NOTSENT_LOWAT, 4096 },
	{ AF_INET, SOCK_STREAM, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1 },
	{ AF_INET6, SOCK_STREAM, SOL_TCP, TCP_SYNCNT, 4 },
	{ AF_INET6, SOCK_STREAM, SOL_TCP, TCP_INQ, 1 },
};
#define N (sizeof(options) / sizeof(options[0]))

static void join(int fd, const char *group, const char *source)
{
	struct group_source_req req = { .gsr_interface = if_nametoindex("lo") };
	struct sockaddr_in *g = (struct sockaddr_in *)&req.gsr_group,
			   *s = (struct sockaddr_in *)&req.gsr_source;

	g->sin_family = s->sin_family = AF_INET;
	wl_check(inet_pton(AF_INET, group, &g->sin_addr) == 1);
	if (source) {
		wl_check(inet_pton(AF_INET, source, &s->sin_addr) == 1);
		wl_try(setsockopt(fd, SOL_IP, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)));
	} else {
		wl_try(setsockopt(fd, SOL_IP, MCAST_JOIN_GROUP, &req, sizeof(struct group_req)));
	}
}

static void check_group(int fd, const char *group, uint32_t mode, uint32_t sources)
{
	union {
		struct group_filter f;
		char room[GROUP_FILTER_SIZE(8)];
	} u = { .f.gf_interface = if_nametoindex("lo"), .f.gf_numsrc = 8 };
	struct sockaddr_in *g = (struct sockaddr_in *)&u.f.gf_group;
	socklen_t len = sizeof(u);

	g->sin_family = AF_INET;
	inet_pton(AF_INET, group, &g->sin_addr);
	wl_try(getsockopt(fd, SOL_IP, MCAST_MSFILTER, &u, &len));
	wl_check_eq(u.f.gf_fmode, mode);
	wl_check_eq(u.f.gf_numsrc, sources);
}

int main(void)
{
	struct ipv6_mreq mreq = { .ipv6mr_interface = if_nametoindex("lo") };
	int fds[N], plain, some, v6;

	for (size_t i = 0; i < N; i++) {
		const struct option *o = &options[i];

		fds[i] = wl_try(socket(o->family, o->type, 0));
		in_set(fds[i], o->level, o->name, o->value);
		wl_check_eq(in_get(fds[i], o->level, o->name), o->value);
	}
	plain = in_bound(AF_INET, SOCK_DGRAM, 0);
	join(plain, "239.1.2.3", NULL);
	join(plain, "239.1.2.4", NULL);
	some = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	join(some, "239.1.2.4", "127.0.0.5");
	join(some, "239.1.2.4", "127.0.0.6");
	v6 = wl_try(socket(AF_INET6, SOCK_DGRAM, 0));
	inet_pton(AF_INET6, "ff02::1234", &mreq.ipv6mr_multiaddr);
	wl_try(setsockopt(v6, SOL_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq)));
	wl_ready_and_wait();
	for (size_t i = 0; i < N; i++)
		wl_check_eq(in_get(fds[i], options[i].level, options[i].name), options[i].value);
	check_group(plain, "239.1.2.3", MCAST_EXCLUDE, 0);
	check_group(plain, "239.1.2.4", MCAST_EXCLUDE, 0);
	check_group(some, "239.1.2.4", MCAST_INCLUDE, 2);
	wl_check_eq(setsockopt(v6, SOL_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq)), -1);
	wl_check_eq(errno, EADDRINUSE);
	wl_pass();
}
