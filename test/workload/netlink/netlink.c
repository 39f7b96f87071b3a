/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets of the kinds: bound to its own port id, bound to a group, to groups beyond the
 * 32nd too, connected to a port id and a group, connected to the kernel, unbound; with options.
 * Addresses, groups and options stay, messages from process to process arrive where they did, and
 * the kernel still answers.
 *
 * wl: areas packet-netlink
 * wl: cycles 2
 * wl: crossing none CRIU has no place for groups beyond the 32nd, nor for type and options
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

#define SOL_NETLINK 270
#define FAR_GROUP   RTNLGRP_NEXTHOP /* the 32nd; RTNLGRP_BRVLAN is the 33rd */

enum { BOUND, GROUP, CONNECTED, UNBOUND, ROUTE, FAR, KERNEL, SOCKETS };

static int fds[SOCKETS];

static struct state {
	struct sockaddr_nl own, peer;
	uint32_t groups[8];
	socklen_t groups_len;
	int type, ext_ack, pktinfo, no_enobufs;
	struct wl_fd fd;
} was[SOCKETS];

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	wl_try(getsockopt(fd, level, name, &value, &len));
	return value;
}

static void turn_on(int fd, int name)
{
	int on = 1;

	wl_try(setsockopt(fd, SOL_NETLINK, name, &on, sizeof(on)));
}

static struct state look(int fd)
{
	struct state s = { .groups_len = sizeof(s.groups) };
	socklen_t len = sizeof(s.own);

	wl_try(getsockname(fd, (struct sockaddr *)&s.own, &len));
	len = sizeof(s.peer);
	wl_try(getpeername(fd, (struct sockaddr *)&s.peer, &len));
	wl_try(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, s.groups, &s.groups_len));
	s.type = option(fd, SOL_SOCKET, SO_TYPE);
	s.ext_ack = option(fd, SOL_NETLINK, NETLINK_EXT_ACK);
	s.pktinfo = option(fd, SOL_NETLINK, NETLINK_PKTINFO);
	s.no_enobufs = option(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS);
	return s;
}

static int make(int type, int protocol, uint32_t port, uint32_t groups)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups };
	int fd = wl_try(socket(AF_NETLINK, type | SOCK_NONBLOCK, protocol));

	if (port || groups)
		wl_try(bind(fd, (struct sockaddr *)&own, sizeof(own)));
	return fd;
}

static void connect_to(int fd, uint32_t port, uint32_t groups)
{
	struct sockaddr_nl peer = { .nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups };

	wl_try(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
}

static void arrives(int fd, const char *text)
{
	char buf[64];

	wl_check_eq(recv(fd, buf, sizeof(buf), 0), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
}

/* The kernel has no ear for this protocol's messages, and answers nothing. */
static void check_messages(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = was[BOUND].own.nl_pid };

	wl_check_eq(sendto(fds[UNBOUND], "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	arrives(fds[BOUND], "one");
	/* To its port and its group. */
	wl_check_eq(send(fds[CONNECTED], "two", 3, 0), 3);
	arrives(fds[BOUND], "two");
	arrives(fds[GROUP], "two");
	/* It takes messages from the kernel only. */
	to.nl_pid = was[KERNEL].own.nl_pid;
	wl_check(sendto(fds[BOUND], "three", 5, 0, (struct sockaddr *)&to, sizeof(to)) < 0);
	wl_check_eq(errno, ECONNREFUSED);
}

static void check_routes(void)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg m;
	} req = { .h = { sizeof(req), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0 } };
	char buf[32768];
	ssize_t n;
	int end = 0;

	wl_check_eq(send(fds[ROUTE], &req, sizeof(req), 0), sizeof(req));
	while (!end) {
		n = wl_try(recv(fds[ROUTE], buf, sizeof(buf), 0));
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			wl_check_eq(h->nlmsg_seq, 7);
			wl_check(h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == NLMSG_DONE);
			end |= h->nlmsg_type == NLMSG_DONE;
		}
	}
}

int main(void)
{
	static const int far[] = { FAR_GROUP, FAR_GROUP + 1 };

	fds[BOUND] = make(SOCK_RAW, NETLINK_USERSOCK, getpid(), 0);
	fds[GROUP] = make(SOCK_RAW, NETLINK_USERSOCK, 0, 1 << 4);
	fds[CONNECTED] = make(SOCK_DGRAM, NETLINK_USERSOCK, 0, 0);
	connect_to(fds[CONNECTED], getpid(), 1 << 4);
	fds[UNBOUND] = make(SOCK_RAW, NETLINK_USERSOCK, 0, 0);
	fds[KERNEL] = make(SOCK_RAW, NETLINK_USERSOCK, 0, 0);
	connect_to(fds[KERNEL], 0, 0);
	fds[ROUTE] = make(SOCK_RAW, NETLINK_ROUTE, getpid(), 0);
	turn_on(fds[ROUTE], NETLINK_EXT_ACK);
	turn_on(fds[ROUTE], NETLINK_NO_ENOBUFS);
	fds[FAR] = make(SOCK_RAW, NETLINK_ROUTE, 0, 0);
	turn_on(fds[FAR], NETLINK_PKTINFO);
	for (int i = 0; i < 2; i++)
		wl_try(setsockopt(fds[FAR], SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &far[i],
				  sizeof(far[i])));
	for (int i = 0; i < SOCKETS; i++) {
		was[i] = look(fds[i]);
		wl_fd_save(fds[i], &was[i].fd);
	}
	wl_check(was[FAR].groups[1] & 1);
	wl_ready_and_wait();
	for (int i = 0; i < SOCKETS; i++) {
		struct state now = look(fds[i]);

		wl_fd_check(fds[i], &was[i].fd);
		now.fd = was[i].fd;
		wl_check(!memcmp(&now, &was[i], sizeof(now)));
	}
	check_messages();
	check_routes();
	wl_pass();
}
