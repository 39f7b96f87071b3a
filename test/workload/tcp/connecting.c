/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that waits for the answer to its first packet (SYN_SENT), as the backlog of the listener
 * outside of the tree is full: it waits after the restore, and is connected when there is room.
 *
 * wl: areas tcp
 * wl: both --tcp-established --network-lock nftables
 */
#include "tcp.h"

#include <poll.h>
#include <stdio.h>

static void await_file(const char *name)
{
	while (access(name, F_OK) < 0)
		wl_sleep_ms(2);
}

/* Takes one connection and leaves no room; later serves another. */
static _Noreturn void serve_outside(void)
{
	int listener = in_bound(AF_INET, SOCK_STREAM, 0), first, server;
	char buf[100];

	alarm(50);
	wl_try(listen(listener, 0));
	first = in_connected(listener);
	wl_write_file("port.new", wl_format("%d\n", ntohs(in_name(listener).v4.sin_port)));
	wl_try(rename("port.new", "port"));
	await_file("go");
	wl_try(close(wl_try(accept(listener, NULL, NULL))));
	close(first);
	server = wl_try(accept(listener, NULL, NULL));
	wl_check_eq(recv(server, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	wl_check_eq(send(server, buf, sizeof(buf), 0), sizeof(buf));
	_exit(0);
}

/* Not a child of ours, and in no session of ours. */
static int start_outside(void)
{
	pid_t pid = wl_fork();

	if (!pid) {
		wl_try(setsid());
		if (!wl_fork())
			serve_outside();
		_exit(0);
	}
	wl_reap(pid);
	await_file("port");
	return atoi(wl_read_file("port"));
}

int main(void)
{
	struct in_addr_any a = in_loopback(AF_INET, start_outside());
	int fd = wl_try(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	wl_check_eq(connect(fd, &a.sa, a.len), -1);
	wl_check_eq(errno, EINPROGRESS);
	wl_ready_and_wait();
	wl_check_eq(tcp_state(fd), TCP_SYN_SENT);
	wl_write_file("go", "");
	wl_check_eq(poll(&p, 1, 30000), 1);
	wl_check_eq(in_get(fd, SOL_SOCKET, SO_ERROR), 0);
	wl_check(fcntl(fd, F_GETFL) & O_NONBLOCK);
	wl_try(fcntl(fd, F_SETFL, 0));
	in_check_same(in_peer(fd), a);
	in_send(fd, 100, 3);
	in_receive(fd, 100, 3);
	wl_pass();
}
