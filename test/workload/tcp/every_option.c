/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener, a connection's both ends and a socket that is not connected, of both families, each
 * with all options that can be set set to what a new socket has not. Afterwards every option of
 * four levels that can be read, whatever its name, says what it said.
 *
 * wl: areas tcp inet-sockets
 * wl: cycles 3
 * wl: crossing none CRIU drops those that its format has no field for
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

#include <stdio.h>

#define NAMES 128
#define BYTES 64

static const int levels[] = { SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_TCP };
#define LEVELS 4

/* What may differ: counters of the kernel's, and what only reading takes away. */
static const struct {
	int level, name;
} volatiles[] = {
	{ SOL_SOCKET, 4 },  /* SO_ERROR */
	{ SOL_SOCKET, 17 }, /* SO_PEERCRED: nothing */
	{ SOL_SOCKET, 26 }, /* SO_GET_FILTER: its length is not in bytes */
	{ SOL_SOCKET, 49 }, /* SO_INCOMING_CPU */
	{ SOL_SOCKET, 55 }, /* SO_MEMINFO */
	{ SOL_SOCKET, 56 }, /* SO_INCOMING_NAPI_ID */
	{ SOL_SOCKET, 57 }, /* SO_COOKIE: a new socket has a new one */
	{ SOL_SOCKET, 77 }, /* SO_PEERPIDFD */
	{ SOL_IP, 9 },	    /* IP_PKTOPTIONS, IP_MULTICAST_TTL: of the packet that came */
	{ SOL_IP, 33 },
	{ SOL_IPV6, 6 }, /* IPV6_2292PKTOPTIONS, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS: the same */
	{ SOL_IPV6, 17 },
	{ SOL_IPV6, 18 },
	{ SOL_IPV6,
	  26 }, /* IPV6_V6ONLY: on by the bind(2) to an address that a client had not made */
	{ SOL_TCP, 2 },	 /* TCP_MAXSEG: see segment_size.c */
	{ SOL_TCP, 10 }, /* TCP_WINDOW_CLAMP of a connection: the kernel works it out */
	{ SOL_TCP, 11 }, /* TCP_INFO */
	{ SOL_TCP, 12 }, /* TCP_QUICKACK: the kernel changes it */
	{ SOL_TCP, 19 }, /* TCP_REPAIR … */
	{ SOL_TCP, 20 },
	{ SOL_TCP, 21 },
	{ SOL_TCP, 22 },
	{ SOL_TCP, 24 }, /* TCP_TIMESTAMP: a clock */
	{ SOL_TCP, 26 }, /* TCP_CC_INFO: of a congestion control that learns */
	{ SOL_TCP, 29 }, /* TCP_REPAIR_WINDOW */
	{ SOL_TCP, 35 }, /* TCP_ZEROCOPY_RECEIVE: no option but a call */
};

static bool failed;

struct option {
	int level, name, value;
};
static const struct option all[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 1 },
	{ SOL_SOCKET, SO_REUSEPORT, 1 },
	{ SOL_SOCKET, SO_DONTROUTE, 1 },
	{ SOL_SOCKET, SO_NO_CHECK, 1 },
	{ SOL_SOCKET, SO_BROADCAST, 1 },
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ SOL_SOCKET, SO_OOBINLINE, 1 },
	{ SOL_SOCKET, SO_PRIORITY, 5 },
	{ SOL_SOCKET, SO_RCVLOWAT, 3 },
	{ SOL_SOCKET, SO_MARK, 77 },
	{ SOL_SOCKET, SO_TIMESTAMPING, 0x58 },
	{ SOL_SOCKET, SO_RXQ_OVFL, 1 },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1 },
	{ SOL_SOCKET, SO_BUSY_POLL, 50 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 20 },
	{ SOL_SOCKET, SO_ZEROCOPY, 1 },
	{ SOL_SOCKET, 69, 1 },	/* SO_PREFER_BUSY_POLL */
	{ SOL_SOCKET, 70, 16 }, /* SO_BUSY_POLL_BUDGET */
	{ SOL_SOCKET, 74, 0 },	/* SO_TXREHASH */
	{ SOL_SOCKET, 75, 1 },	/* SO_RCVMARK */
	{ SOL_SOCKET, 82, 1 },	/* SO_RCVPRIORITY */
	{ SOL_IP, IP_TOS, 0x10 },
	{ SOL_IP, IP_TTL, 33 },
	{ SOL_IP, IP_RECVTTL, 1 },
	{ SOL_IP, IP_RECVTOS, 1 },
	{ SOL_IP, IP_RECVERR, 1 },
	{ SOL_IP, IP_PKTINFO, 1 },
	{ SOL_IP, IP_RECVOPTS, 1 },
	{ SOL_IP, IP_RETOPTS, 1 },
	{ SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE },
	{ SOL_IP, IP_FREEBIND, 1 },
	{ SOL_IP, IP_TRANSPARENT, 1 },
	{ SOL_IP, IP_MINTTL, 2 },
	{ SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1 },
	{ SOL_IP, IP_RECVORIGDSTADDR, 1 },
	{ SOL_IP, 25, 1 },		     /* IP_RECVFRAGSIZE */
	{ SOL_IP, 26, 1 },		     /* IP_RECVERR_RFC4884 */
	{ SOL_IP, 51, 50000 << 16 | 40000 }, /* IP_LOCAL_PORT_RANGE */
	{ SOL_IPV6, IPV6_UNICAST_HOPS, 44 },
	{ SOL_IPV6, IPV6_TCLASS, 0x20 },
	{ SOL_IPV6, IPV6_RECVPKTINFO, 1 },
	{ SOL_IPV6, IPV6_RECVHOPLIMIT, 1 },
	{ SOL_IPV6, IPV6_RECVTCLASS, 1 },
	{ SOL_IPV6, IPV6_RECVERR, 1 },
	{ SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE },
	{ SOL_IPV6, 33, 1 }, /* IPV6_FLOWINFO_SEND */
	{ SOL_IPV6, 11, 1 }, /* IPV6_FLOWINFO */
	{ SOL_IPV6, IPV6_DONTFRAG, 1 },
	{ SOL_IPV6, 70, 0 },   /* IPV6_AUTOFLOWLABEL */
	{ SOL_IPV6, 72, 0x2 }, /* IPV6_ADDR_PREFERENCES: public */
	{ SOL_IPV6, 73, 2 },   /* IPV6_MINHOPCOUNT */
	{ SOL_IPV6, 75, 1 },   /* IPV6_TRANSPARENT */
	{ SOL_IPV6, 78, 1 },   /* IPV6_FREEBIND */
	{ SOL_TCP, TCP_NODELAY, 1 },
	{ SOL_TCP, TCP_KEEPIDLE, 100 },
	{ SOL_TCP, TCP_KEEPINTVL, 11 },
	{ SOL_TCP, TCP_KEEPCNT, 4 },
	{ SOL_TCP, TCP_SYNCNT, 3 },
	{ SOL_TCP, TCP_LINGER2, 20 },
	{ SOL_TCP, TCP_DEFER_ACCEPT, 3 },
	{ SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1 },
	{ SOL_TCP, TCP_USER_TIMEOUT, 50000 },
	{ SOL_TCP, TCP_FASTOPEN, 7 },
	{ SOL_TCP, TCP_NOTSENT_LOWAT, 8192 },
	{ SOL_TCP, TCP_SAVE_SYN, 1 },
	{ SOL_TCP, TCP_FASTOPEN_CONNECT, 1 },
	{ SOL_TCP, 34, 1 }, /* TCP_FASTOPEN_NO_COOKIE */
	{ SOL_TCP, TCP_INQ, 1 },
	{ SOL_TCP, 44, 30000 },	 /* TCP_RTO_MAX_MS */
	{ SOL_TCP, 45, 100000 }, /* TCP_RTO_MIN_US */
	{ SOL_TCP, 46, 20000 },	 /* TCP_DELACK_MAX_US */
};

struct value {
	int len; /* -1: it can't be read */
	unsigned char bytes[BYTES];
};

struct observed {
	const char *what;
	int fd;
	struct value values[LEVELS][NAMES];
};

static bool is_volatile(int level, int name)
{
	for (size_t i = 0; i < sizeof(volatiles) / sizeof(volatiles[0]); i++)
		if (volatiles[i].level == level && volatiles[i].name == name)
			return true;
	return false;
}

static void observe(int fd, struct value values[LEVELS][NAMES])
{
	for (int l = 0; l < LEVELS; l++)
		for (int name = 1; name < NAMES; name++) {
			struct value *v = &values[l][name];
			socklen_t len = sizeof(v->bytes);

			*v = (struct value){ .len = -1 };
			if (!is_volatile(levels[l], name) &&
			    getsockopt(fd, levels[l], name, v->bytes, &len) == 0)
				v->len = len;
		}
}

static void compare(const struct observed *o)
{
	static struct value now[LEVELS][NAMES];
	int bad = 0;

	observe(o->fd, now);
	for (int l = 0; l < LEVELS; l++)
		for (int name = 1; name < NAMES; name++) {
			const struct value *was = &o->values[l][name], *is = &now[l][name];

			if (was->len == is->len &&
			    (was->len <= 0 || !memcmp(was->bytes, is->bytes, was->len)))
				continue;
			fprintf(stderr, "%s: level %d, option %d was %d (length %d), is %d (%d)\n",
				o->what, levels[l], name, *(int *)was->bytes, was->len,
				*(int *)is->bytes, is->len);
			bad++;
		}
	if (bad)
		failed = true;
}

static void set_all(int fd)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		setsockopt(fd, all[i].level, all[i].name, &all[i].value, sizeof(all[i].value));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 5 },
			  sizeof(struct linger)));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 7, 250000 },
			  sizeof(struct timeval)));
	wl_try(setsockopt(fd, SOL_TCP, TCP_CONGESTION, "reno", 4));
	setsockopt(fd, SOL_TCP, 33, "a key of sixteen", 16); /* TCP_FASTOPEN_KEY */
}

static struct observed seen[8];
static int n_seen;

static void note(const char *what, int fd)
{
	seen[n_seen].what = what;
	seen[n_seen].fd = fd;
	observe(fd, seen[n_seen++].values);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		struct in_addr_any a;
		int listener = tcp_listening(&tcp_kinds[i], &a), client, server, idle;

		client = wl_try(socket(tcp_kinds[i].family, SOCK_STREAM, 0));
		idle = wl_try(socket(tcp_kinds[i].family, SOCK_STREAM, 0));
		wl_try(connect(client, &a.sa, a.len));
		server = wl_try(accept(listener, NULL, NULL));
		set_all(client);
		set_all(server);
		set_all(listener);
		set_all(idle);
		note(i ? "client, IPv6" : "client", client);
		note(i ? "server, IPv6" : "server", server);
		note(i ? "listener, IPv6" : "listener", listener);
		note(i ? "idle, IPv6" : "idle", idle);
	}
	wl_ready_and_wait();
	for (int i = 0; i < n_seen; i++)
		compare(&seen[i]);
	wl_check(!failed);
	wl_pass();
}
