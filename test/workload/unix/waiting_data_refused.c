/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a listener by a relative name is not accepted yet, and has written already: no
 * descriptor leads to what it wrote, so the dump is refused, and the server gets it.
 *
 * wl: areas unix-sockets
 * wl: expect dump-refused what was sent can't be read
 * wl: crossing none it is about a refusal
 */
#define _GNU_SOURCE
#include "unix.h"

int main(void)
{
	struct un_addr addr = un_path("sock");
	int listener = un_listening(SOCK_STREAM, addr, 1), client = un_connected(SOCK_STREAM, addr);

	wl_check_eq(write(client, "early", 5), 5);
	wl_ready_and_wait();
	un_expect(wl_try(accept(listener, NULL, NULL)), "early");
	wl_pass();
}
