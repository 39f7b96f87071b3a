/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of sockets, netlink and network devices. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/probe/probe.h"

#define SIOCUNIXFILE_  (SIOCPROTOPRIVATE + 0)
#define SO_BUF_LOCK_   72
#define IPV6_FREEBIND_ 78
#define IPPROTO_MPTCP_ 262

static int open_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

PROBE(SO_PEEK_OFF)
{
	_cleanup_fd_ int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
	int off = 0;

	return fd < 0 ? errno
		      : PROBE_CALL(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)));
}

PROBE(TCP_REPAIR)
{
	_cleanup_fd_ int fd = open_socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	return fd < 0 ? errno : PROBE_CALL(setsockopt(fd, SOL_TCP, TCP_REPAIR, &on, sizeof(on)));
}

/* tcp_can_repair_sock(): since Linux 4.3 every state but LISTEN will do. */
PROBE(TCP_HALF_CLOSED)
{
	return probe_kernel(4, 3) ?: probe_TCP_REPAIR();
}

PROBE(SO_GET_FILTER)
{
	_cleanup_fd_ int fd = open_socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = 0;

	return fd < 0 ? errno : PROBE_CALL(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len));
}

PROBE(SOCKOPT_BUF_LOCK)
{
	_cleanup_fd_ int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
	uint32_t lock;
	socklen_t len = sizeof(lock);

	return fd < 0 ? errno : PROBE_CALL(getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK_, &lock, &len));
}

PROBE(IPV6_FREEBIND)
{
	_cleanup_fd_ int fd = open_socket(AF_INET6, SOCK_STREAM, 0);
	int on = 1;

	return fd < 0 ? errno
		      : PROBE_CALL(setsockopt(fd, SOL_IPV6, IPV6_FREEBIND_, &on, sizeof(on)));
}

PROBE(MPTCP)
{
	_cleanup_fd_ int fd = open_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP_);

	return PROBE_CALL(fd);
}

PROBE(SK_NS)
{
	_cleanup_fd_ int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
	_cleanup_fd_ int ns = fd < 0 ? fd : ioctl(fd, SIOCGSKNS);

	return PROBE_CALL(ns);
}

/* This one is bound to no file. */
PROBE(SK_UNIX_FILE)
{
	_cleanup_fd_ int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? errno : probe_expect(ioctl(fd, SIOCUNIXFILE_), ENOENT);
}

/* Only notes the number for a device that this descriptor never makes. */
PROBE(TUN)
{
	_cleanup_fd_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	unsigned int index = 1;

	return fd < 0 ? errno : PROBE_CALL(ioctl(fd, TUNSETIFINDEX, &index));
}

PROBE(TUN_NS)
{
	_cleanup_fd_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int ns = fd < 0 ? fd : ioctl(fd, SIOCGSKNS);

	return PROBE_CALL(ns);
}

/* Sends a request and waits for the first answer's type; a refusal is the errno that it carries. */
static int netlink_ask(int protocol, void *request, uint16_t *ret_type)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct timeval patience = { .tv_sec = 2 };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *msg = request;
	_Alignas(NLMSG_ALIGNTO) char answer[8192];
	ssize_t n;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    sendto(fd, msg, msg->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return errno;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return errno;
	msg = (struct nlmsghdr *)answer;
	if ((size_t)n < sizeof(*msg))
		return EPROTO;
	*ret_type = msg->nlmsg_type;
	if (msg->nlmsg_type != NLMSG_ERROR && msg->nlmsg_type != NLMSG_DONE)
		return 0;
	/* A dump's end carries an errno too: that of a kind of socket that is not known. */
	if ((size_t)n < sizeof(*msg) + sizeof(int))
		return 0;
	return -*(int *)NLMSG_DATA(msg);
}

/* A dump of sockets in no state at all: nothing comes, unless the kernel cannot do it. */
static int diag_ask(const void *request, size_t size)
{
	struct {
		struct nlmsghdr head;
		char body[64];
	} msg = { .head = { .nlmsg_len = NLMSG_LENGTH(size),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	uint16_t type;

	memcpy(msg.body, request, size);
	return netlink_ask(NETLINK_SOCK_DIAG, &msg, &type);
}

static int diag_inet(int protocol)
{
	struct inet_diag_req_v2 req = { .sdiag_family = AF_INET, .sdiag_protocol = protocol };

	return diag_ask(&req, sizeof(req));
}

PROBE(SOCK_DIAG)
{
	struct unix_diag_req req = { .sdiag_family = AF_UNIX };

	return diag_ask(&req, sizeof(req));
}

PROBE(INET_DIAG)
{
	return diag_inet(IPPROTO_TCP) ?: diag_inet(IPPROTO_UDP);
}
PROBE(NET_DIAG_RAW)
{
	return diag_inet(IPPROTO_RAW);
}

PROBE(PACKET_DIAG)
{
	struct packet_diag_req req = { .sdiag_family = AF_PACKET };

	return diag_ask(&req, sizeof(req));
}

PROBE(NETLINK_DIAG)
{
	struct netlink_diag_req req = { .sdiag_family = AF_NETLINK,
					.sdiag_protocol = NDIAG_PROTO_ALL };

	return diag_ask(&req, sizeof(req));
}

PROBE(NSID)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
		_Alignas(4) struct rtattr attr;
		uint32_t pid;
	} msg = { .head = { .nlmsg_len = sizeof(msg),
			    .nlmsg_type = RTM_GETNSID,
			    .nlmsg_flags = NLM_F_REQUEST },
		  .attr = { .rta_len = RTA_LENGTH(4), .rta_type = NETNSA_PID },
		  .pid = getpid() };
	uint16_t type;
	int e = netlink_ask(NETLINK_ROUTE, &msg, &type);

	return e ? e : type == RTM_NEWNSID ? 0 : EPROTO;
}

/* Attributes of links, which show only where there are such links: by version. */
PROBE(LINK_NSID)
{
	return probe_kernel(4, 0) ?: probe_NSID();
}
PROBE(NEWIFINDEX)
{
	return probe_kernel(5, 3);
}

/* The tool's part alone: it needs nothing of the kernel. */
PROBE(EXTERNAL_NET_NS)
{
	return 0;
}

PROBE(NETLINK_NFTABLES)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg body;
	} msg = { .head = { .nlmsg_len = sizeof(msg),
			    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			    .nlmsg_flags = NLM_F_REQUEST },
		  .body = { .nfgen_family = AF_UNSPEC } };
	uint16_t type;
	int e = netlink_ask(NETLINK_NETFILTER, &msg, &type);

	return e ? e : type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ? 0 : EPROTO;
}

PROBE(NETWORK_LOCK_NFTABLES)
{
	return probe_NETLINK_NFTABLES();
}
PROBE(NFTABLES)
{
	return probe_NETLINK_NFTABLES() ?: probe_program("nft");
}
PROBE(HAS_IPT_LEGACY)
{
	return probe_program("iptables-legacy");
}
