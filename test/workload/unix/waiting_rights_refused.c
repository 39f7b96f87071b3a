/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that is not accepted yet has sent a descriptor: that can't be read without accepting, so
 * the dump is refused, and the server gets it.
 *
 * wl: areas unix-sockets
 * wl: expect dump-refused has not accepted the connection yet: descriptors are on their way
 * wl: crossing none it is about a refusal
 */
#define _GNU_SOURCE
#include "rights.h"

int main(void)
{
	struct un_addr addr = un_path("sock");
	int listener = un_listening(SOCK_STREAM, addr, 1), client = un_connected(SOCK_STREAM, addr);
	int ends[2], got;

	wl_try(pipe(ends));
	un_send_fd(client, "x", ends[0]);
	wl_ready_and_wait();
	got = un_receive_fd(wl_try(accept(listener, NULL, NULL)), "x");
	wl_check(wl_same_description(getpid(), ends[0], getpid(), got));
	wl_pass();
}
