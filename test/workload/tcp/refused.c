/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection without --tcp-established.
 *
 * wl: areas tcp
 * wl: expect dump-refused keep it with --tcp-established, or close it with --tcp-close
 */
#include "../inet/inet.h"

int main(void)
{
	int listener = in_listening(AF_INET, 1), client = in_connected(listener);
	int server = wl_try(accept(listener, NULL, NULL));

	wl_ready_and_wait();
	in_both_ways(client, server, 100);
	wl_pass();
}
