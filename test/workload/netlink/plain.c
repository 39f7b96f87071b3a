/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets as CRIU's format has room for them: raw ones of NETLINK_USERSOCK, bound to a port
 * id and to a group up to the 32nd, connected to both, and not bound.
 *
 * wl: areas packet-netlink
 * wl: cycles 2
 * wl: lane netlink
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

#define GROUP 32

enum { BOUND, LISTENING, CONNECTED, UNBOUND, SOCKETS };

static struct state {
	int fd;
	struct wl_fd info;
	struct sockaddr_nl own, peer;
} was[SOCKETS];

static struct sockaddr_nl address(uint32_t port, uint32_t groups)
{
	return (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups };
}

static struct state look(int fd)
{
	struct state s = { .fd = fd };
	socklen_t len = sizeof(s.own);

	wl_try(getsockname(fd, (struct sockaddr *)&s.own, &len));
	len = sizeof(s.peer);
	wl_try(getpeername(fd, (struct sockaddr *)&s.peer, &len));
	return s;
}

static int make(uint32_t port, uint32_t groups)
{
	int fd = wl_try(socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK));
	struct sockaddr_nl own = address(port, groups);

	if (port || groups)
		wl_try(bind(fd, (struct sockaddr *)&own, sizeof(own)));
	return fd;
}

static void arrives(int fd, const char *text)
{
	char buf[16];

	wl_check_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
}

int main(void)
{
	int fds[SOCKETS] = { make(getpid(), 0), make(0, 1u << (GROUP - 1)), make(0, 0),
			     make(0, 0) };
	struct sockaddr_nl peer = address(getpid(), 1u << (GROUP - 1)), to = address(getpid(), 0);

	wl_try(connect(fds[CONNECTED], (struct sockaddr *)&peer, sizeof(peer)));
	for (int i = 0; i < SOCKETS; i++) {
		was[i] = look(fds[i]);
		wl_fd_save(fds[i], &was[i].info);
	}
	wl_ready_and_wait();
	for (int i = 0; i < SOCKETS; i++) {
		struct state now = look(fds[i]);

		wl_fd_check(fds[i], &was[i].info);
		now.info = was[i].info;
		wl_check(!memcmp(&now, &was[i], sizeof(now)));
	}
	wl_check_eq(sendto(fds[UNBOUND], "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	arrives(fds[BOUND], "one");
	wl_check_eq(send(fds[CONNECTED], "two", 3, 0), 3);
	arrives(fds[BOUND], "two");
	arrives(fds[LISTENING], "two");
	wl_pass();
}
