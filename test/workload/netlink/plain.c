/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets as CRIU's format has room for them: raw ones of NETLINK_USERSOCK, and of the
 * kernel's news of devices (NETLINK_KOBJECT_UEVENT), bound to a port id and to a group up to the
 * 32nd, connected to both, and not bound.
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

struct state {
	int fd;
	struct wl_fd info;
	struct sockaddr_nl own, peer;
};

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

static int make(int protocol, uint32_t port, uint32_t groups)
{
	int fd = wl_try(socket(AF_NETLINK, SOCK_RAW, protocol));
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

static void set_up(int protocol, struct state *was)
{
	int fds[SOCKETS] = { make(protocol, getpid(), 0), make(protocol, 0, 1u << (GROUP - 1)),
			     make(protocol, 0, 0), make(protocol, 0, 0) };
	struct sockaddr_nl peer = address(getpid(), 1u << (GROUP - 1));

	wl_try(connect(fds[CONNECTED], (struct sockaddr *)&peer, sizeof(peer)));
	for (int i = 0; i < SOCKETS; i++) {
		was[i] = look(fds[i]);
		wl_fd_save(fds[i], &was[i].info);
	}
}

static void check(const struct state *was)
{
	struct sockaddr_nl to = address(getpid(), 0);

	for (int i = 0; i < SOCKETS; i++) {
		struct state now = look(was[i].fd);

		wl_fd_check(was[i].fd, &was[i].info);
		now.info = was[i].info;
		wl_check(!memcmp(&now, &was[i], sizeof(now)));
	}
	wl_check_eq(sendto(was[UNBOUND].fd, "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	arrives(was[BOUND].fd, "one");
	wl_check_eq(send(was[CONNECTED].fd, "two", 3, 0), 3);
	arrives(was[BOUND].fd, "two");
	arrives(was[LISTENING].fd, "two");
}

int main(void)
{
	static struct state user[SOCKETS], device[SOCKETS];

	set_up(NETLINK_USERSOCK, user);
	set_up(NETLINK_KOBJECT_UEVENT, device);
	wl_ready_and_wait();
	check(user);
	check(device);
	wl_pass();
}
