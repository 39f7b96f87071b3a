/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets whose peer has closed, and which tell its name still: clients that a listener by path, by
 * an abstract name and one that is gone itself has accepted and left, with something unread; the
 * end that a listener has accepted, of a client with a name; a datagram socket that sends to one
 * that is gone. Those who have the same names now keep them.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU drops the names
 */
#define _GNU_SOURCE
#include "unix.h"

enum { PATH, ABSTRACT, GONE, KINDS };

static struct un_addr addr_of(int kind)
{
	char *name = wl_format("crtools closed %d", getpid());

	return kind == PATH	  ? un_path("sock")
	       : kind == ABSTRACT ? un_abstract(name, strlen(name))
				  : un_path("gone");
}

/* Returns the client's end; *ret_listener: -1 if it is gone. */
static int leave(int type, int kind, int *ret_listener)
{
	struct un_addr addr = addr_of(kind);
	int listener = un_listening(type, addr, 1), client = un_connected(type, addr);
	int server = wl_try(accept(listener, NULL, NULL));

	wl_check_eq(write(server, "bye", 3), 3);
	close(server);
	*ret_listener = listener;
	if (kind == GONE) {
		close(listener);
		*ret_listener = -1;
		wl_try(unlink("gone"));
	}
	return client;
}

int main(void)
{
	struct un_addr other = un_path("other");
	int clients[KINDS], listeners[KINDS], listener, accepted, named, datagram, server;

	for (int i = 0; i < KINDS; i++)
		clients[i] = leave(i == ABSTRACT ? SOCK_SEQPACKET : SOCK_STREAM, i, &listeners[i]);
	listener = un_listening(SOCK_STREAM, other, 1);
	named = un_bound(SOCK_STREAM, un_path("named"));
	wl_try(connect(named, (struct sockaddr *)&other.sun, other.len));
	accepted = wl_try(accept(listener, NULL, NULL));
	close(named);
	server = un_bound(SOCK_DGRAM, un_path("server"));
	datagram = un_connected(SOCK_DGRAM, un_path("server"));
	close(server);
	wl_ready_and_wait();
	for (int i = 0; i < KINDS; i++) {
		un_check_peer(clients[i], addr_of(i));
		un_expect(clients[i], "bye");
		wl_check_eq(recv(clients[i], &(char){ 0 }, 1, MSG_DONTWAIT), 0);
		if (listeners[i] >= 0)
			un_check_name(listeners[i], addr_of(i));
	}
	un_check_peer(accepted, un_path("named"));
	un_check_peer(datagram, un_path("server"));
	/* The listeners still do their work. */
	for (int i = 0; i < GONE; i++) {
		int type = i == ABSTRACT ? SOCK_SEQPACKET : SOCK_STREAM;
		int client = un_connected(type, addr_of(i));

		un_both_ways(client, wl_try(accept(listeners[i], NULL, NULL)));
	}
	wl_check_eq(send(datagram, "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, ECONNREFUSED);
	wl_pass();
}
