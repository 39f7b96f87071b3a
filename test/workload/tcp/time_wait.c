/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of connections that this side has closed first (TIME_WAIT) has no descriptor and
 * stays on the host, where it holds the port of the listener that had accepted them, and of the
 * sockets that had made them. Listeners come back there, whatever they say of sharing the address,
 * and so does a socket that is bound and does not listen.
 *
 * wl: areas tcp
 * wl: needs kernel:6.8
 * wl: cycles 2
 * wl: crossing from
 * wl: both --tcp-established
 */
#include "tcp.h"

#include <stdio.h>

enum { PLAIN, REUSED, SHARED, BOUND, SOCKETS };

static const int options[SOCKETS] = { [REUSED] = SO_REUSEADDR, [SHARED] = SO_REUSEPORT };

/* In decimal, as /proc/net/tcp has it in hexadecimal, with state 06. */
static bool is_in_time_wait(int family, unsigned port)
{
	char *text = wl_read_file(family == AF_INET ? "/proc/self/net/tcp" : "/proc/self/net/tcp6");
	unsigned local, state;
	bool found = false;

	for (char *line = strchr(text, '\n'); line && !found; line = strchr(line + 1, '\n'))
		found = sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) ==
				2 &&
			local == port && state == TCP_TIME_WAIT;
	free(text);
	return found;
}

static unsigned port_of(int fd)
{
	struct in_addr_any a = in_name(fd);

	return ntohs(a.v4.sin_port); /* at the same place in both */
}

/* The listener's end closes first. */
static void leave_one(int listener, int family)
{
	int client = in_connected(listener), server = wl_try(accept(listener, NULL, NULL));

	wl_try(close(server));
	wl_check_eq(read(client, &(char){ 0 }, 1), 0);
	wl_try(close(client));
	wl_check(is_in_time_wait(family, port_of(listener)));
}

static int make(int kind, int family)
{
	int fd = wl_try(socket(family, SOCK_STREAM, 0));
	struct in_addr_any a = in_loopback(family, 0);

	if (options[kind])
		in_set(fd, SOL_SOCKET, options[kind], 1);
	wl_try(bind(fd, &a.sa, a.len));
	wl_try(listen(fd, 5));
	leave_one(fd, family);
	return fd;
}

/* Bound where a client, which closed first, is in TIME_WAIT; that takes SO_REUSEADDR of both, and
 * afterwards it is taken away. */
static int make_bound(int family)
{
	int listener = in_listening(family, 5), server, fd;
	struct in_addr_any to = in_name(listener), a = in_loopback(family, 0);
	int client = wl_try(socket(family, SOCK_STREAM, 0));

	in_set(client, SOL_SOCKET, SO_REUSEADDR, 1);
	wl_try(bind(client, &a.sa, a.len));
	a = in_name(client);
	wl_try(connect(client, &to.sa, to.len));
	server = wl_try(accept(listener, NULL, NULL));
	wl_try(close(client));
	wl_check_eq(read(server, &(char){ 0 }, 1), 0);
	wl_try(close(server));
	wl_try(close(listener));
	fd = wl_try(socket(family, SOCK_STREAM, 0));
	in_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	wl_try(bind(fd, &a.sa, a.len));
	in_set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	wl_check(is_in_time_wait(family, port_of(fd)));
	return fd;
}

static void check(int kind, int family, int fd, unsigned port)
{
	wl_check_eq(port_of(fd), port);
	wl_check(is_in_time_wait(family, port));
	wl_check_eq(in_get(fd, SOL_SOCKET, SO_REUSEADDR), kind == REUSED);
	wl_check_eq(in_get(fd, SOL_SOCKET, SO_REUSEPORT), kind == SHARED);
	wl_check_eq(in_get(fd, SOL_SOCKET, SO_ACCEPTCONN), kind != BOUND);
	if (kind != BOUND)
		in_serve(fd);
}

int main(void)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int fds[2][SOCKETS];
	unsigned ports[2][SOCKETS];

	for (int f = 0; f < 2; f++)
		for (int i = 0; i < SOCKETS; i++) {
			fds[f][i] = i == BOUND ? make_bound(families[f]) : make(i, families[f]);
			ports[f][i] = port_of(fds[f][i]);
		}
	wl_ready_and_wait();
	for (int f = 0; f < 2; f++)
		for (int i = 0; i < SOCKETS; i++)
			check(i, families[f], fds[f][i], ports[f][i]);
	wl_pass();
}
