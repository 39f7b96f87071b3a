/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that share a port: two listeners by SO_REUSEPORT, which the first has switched off since,
 * in a parent and its child; two of different addresses; UDP with SO_REUSEADDR.
 *
 * wl: areas tcp inet-sockets
 * wl: cycles 3
 */
#include "inet.h"

static int first, second, other;

static int listening_at(struct in_addr_any a)
{
	int fd = wl_try(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	in_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	wl_try(bind(fd, &a.sa, a.len));
	wl_try(listen(fd, 10));
	return fd;
}

static void set_up(void *arg)
{
	(void)arg;
	second = listening_at(in_name(first));
}

static void check(void *arg)
{
	(void)arg;
	wl_check_eq(in_get(second, SOL_SOCKET, SO_REUSEPORT), 1);
	in_check_same(in_name(second), in_name(first));
}

int main(void)
{
	struct in_addr_any a;
	int udp[2];

	first = listening_at(in_loopback(AF_INET, 0));
	a = in_name(first);
	a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	other = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	wl_try(bind(other, &a.sa, a.len));
	wl_try(listen(other, 10));
	wl_actor_fork(set_up, check, NULL);
	in_set(first, SOL_SOCKET, SO_REUSEPORT, 0);
	a = in_loopback(AF_INET, 0);
	for (int i = 0; i < 2; i++) {
		udp[i] = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
		in_set(udp[i], SOL_SOCKET, SO_REUSEADDR, 1);
		wl_try(bind(udp[i], &a.sa, a.len));
		a = in_name(udp[i]);
	}
	in_set(udp[1], SOL_SOCKET, SO_REUSEADDR, 0);
	wl_ready_and_wait();
	wl_check_eq(in_get(first, SOL_SOCKET, SO_REUSEPORT), 0);
	wl_check_eq(in_get(first, SOL_SOCKET, SO_REUSEADDR), 0);
	wl_check_eq(in_get(other, SOL_SOCKET, SO_REUSEPORT), 0);
	wl_check_eq(in_get(udp[0], SOL_SOCKET, SO_REUSEADDR), 1);
	wl_check_eq(in_get(udp[1], SOL_SOCKET, SO_REUSEADDR), 0);
	in_check_same(in_name(udp[1]), in_name(udp[0]));
	wl_actors_finish();
	in_serve(other);
	wl_pass();
}
