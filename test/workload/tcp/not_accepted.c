/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that is not accepted yet is dropped where --skip-in-flight says so, and the listener
 * accepts others.
 *
 * wl: areas tcp
 * wl: both --tcp-established --network-lock nftables
 * wl: dump --skip-in-flight
 * wl: left    a tree that goes on keeps its connections
 */
#include "tcp.h"

int main(void)
{
	int listener = in_listening(AF_INET, 5), client = in_connected(listener), server;

	in_send(client, 100, 1);
	wl_ready_and_wait();
	wl_check_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	server = accept(listener, NULL, NULL);
	wl_check_eq(server, -1);
	wl_check_eq(errno, EAGAIN);
	wl_check_eq(fcntl(listener, F_SETFL, 0), 0);
	in_serve(listener);
	wl_pass();
}
