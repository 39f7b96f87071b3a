/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --tcp-close at the restore alone: connections come back closed, a listener listens.
 *
 * wl: areas tcp
 * wl: dump --tcp-established --network-lock nftables
 * wl: restore --tcp-close
 * wl: left    only a restore closes the connections
 */
#include "tcp.h"

int main(void)
{
	int listener = in_listening(AF_INET, 5), client = in_connected(listener);
	int server = wl_try(accept(listener, NULL, NULL));

	in_send(client, 10, 1);
	wl_ready_and_wait();
	wl_check_eq(tcp_state(client), TCP_CLOSE);
	wl_check_eq(tcp_state(server), TCP_CLOSE);
	tcp_expect_end(client);
	tcp_expect_end(server);
	wl_check_eq(tcp_state(listener), TCP_LISTEN);
	in_serve(listener);
	wl_pass();
}
