/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of a listener by a relative name have closed their connections before they were accepted,
 * one of them after it has written: no descriptor leads to the other ends, so the dump is refused,
 * and the server gets what was written, and the ends of file.
 *
 * wl: areas unix-sockets
 * wl: expect dump-refused a connection whose client has closed it
 * wl: crossing none it is about a refusal
 */
#define _GNU_SOURCE
#include "unix.h"

int main(void)
{
	struct un_addr addr = un_path("sock");
	int listener = un_listening(SOCK_STREAM, addr, 2), fd;
	char byte;

	close(un_connected(SOCK_STREAM, addr));
	fd = un_connected(SOCK_STREAM, addr);
	wl_check_eq(write(fd, "last words", 10), 10);
	close(fd);
	wl_ready_and_wait();
	wl_check_eq(read(wl_try(accept(listener, NULL, NULL)), &byte, 1), 0);
	fd = wl_try(accept(listener, NULL, NULL));
	un_expect(fd, "last words");
	wl_check_eq(read(fd, &byte, 1), 0);
	wl_pass();
}
