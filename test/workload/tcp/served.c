/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that still holds connections that have ended, with and without unread data, beside its
 * listener at the same port. No option is needed to keep them, and the listener serves.
 *
 * wl: areas tcp
 * wl: cycles 3
 * wl: crossing none CRIU wants --tcp-established for a connection that has ended
 */
#include "tcp.h"

static int served(int listener, bool data)
{
	int client = in_connected(listener), server = wl_try(accept(listener, NULL, NULL));

	if (data)
		in_send(client, 3000, 1);
	wl_try(shutdown(client, SHUT_WR));
	tcp_await(server, TCP_CLOSE_WAIT);
	wl_try(shutdown(server, SHUT_WR));
	tcp_await(server, TCP_CLOSE);
	wl_try(close(client));
	return server;
}

int main(void)
{
	int empty, with_data, listener, v6, empty6;

	/* Descriptors are opened in their order, as far as they can be. */
	listener = wl_move_fd(in_listening(AF_INET, 5), 100);
	v6 = wl_move_fd(in_listening(AF_INET6, 5), 101);
	empty = served(listener, false);
	with_data = served(listener, true);
	empty6 = served(v6, false);
	wl_ready_and_wait();
	tcp_expect_end(empty);
	tcp_expect_end(empty6);
	in_receive(with_data, 3000, 1);
	tcp_expect_end(with_data);
	in_serve(listener);
	in_serve(v6);
	wl_pass();
}
