/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that wait at two listeners of one port (SO_REUSEPORT): each keeps its own, in their
 * order, more of them than its backlog allows by now; the options that let both be bound are those
 * of the connections, too.
 *
 * wl: areas tcp
 * wl: both --tcp-established --network-lock nftables
 * wl: needs kernel:6.9
 * wl: crossing none CRIU refuses a listener with connections that are not accepted
 * wl: ignore fdinfo
 */
#include "tcp.h"

#define CLIENTS 40

static int listeners[2], clients[CLIENTS];

static int waiting(int listener)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	wl_try(getsockopt(listener, SOL_TCP, TCP_INFO, &info, &len));
	return info.tcpi_unacked;
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	wl_try(getsockopt(fd, SOL_SOCKET, name, &value, &len));
	return value;
}

int main(void)
{
	struct in_addr_any addr = in_loopback(AF_INET, 0);
	int on = 1, n[2];

	for (int i = 0; i < 2; i++) {
		listeners[i] = wl_try(socket(AF_INET, SOCK_STREAM, 0));
		wl_try(setsockopt(listeners[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)));
		wl_try(bind(listeners[i], &addr.sa, addr.len));
		addr = in_name(listeners[i]);
		wl_try(listen(listeners[i], CLIENTS));
	}
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = wl_try(socket(AF_INET, SOCK_STREAM, 0));
		wl_try(connect(clients[i], &addr.sa, addr.len));
		wl_check_eq(write(clients[i], &i, sizeof(i)), sizeof(i));
	}
	for (int i = 0; i < 2; i++) {
		n[i] = waiting(listeners[i]);
		wl_try(listen(listeners[i], 2));
		wl_check(n[i] > 3);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check_eq(waiting(listeners[i]), n[i]);
		for (int last = -1, which; n[i]--; last = which) {
			int fd = wl_try(accept(listeners[i], NULL, NULL));

			wl_check_eq(read(fd, &which, sizeof(which)), sizeof(which));
			wl_check(which > last && which < CLIENTS);
			wl_check_eq(option(fd, SO_REUSEPORT), 1);
			wl_check_eq(option(fd, SO_REUSEADDR), 0);
			in_both_ways(clients[which], fd, 100);
		}
	}
	wl_pass();
}
