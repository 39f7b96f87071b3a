/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that is not accepted yet, where TCP connections are not asked for: refused with the
 * cures, and it goes on.
 *
 * wl: areas tcp
 * wl: expect dump-refused keep them with --tcp-established, try again when it has, or drop them with --skip-in-flight
 */
#include "tcp.h"

int main(void)
{
	int listener = in_listening(AF_INET, 5), client = in_connected(listener), server;

	in_send(client, 100, 1);
	wl_ready_and_wait();
	server = wl_try(accept(listener, NULL, NULL));
	in_receive(server, 100, 1);
	in_both_ways(client, server, 100);
	wl_pass();
}
