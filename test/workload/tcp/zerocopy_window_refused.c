/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapped TCP socket, into which TCP_ZEROCOPY_RECEIVE lays what has come: what lies there would be
 * lost.
 *
 * wl: areas tcp
 * wl: flavours host
 * wl: dump --tcp-established
 * wl: crossing none it is refused
 * wl: expect dump-refused TCP_ZEROCOPY_RECEIVE
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = wl_try(socket(AF_INET, SOCK_STREAM, 0)), client, server;
	socklen_t len = sizeof(addr);

	wl_try(bind(listener, (struct sockaddr *)&addr, len));
	wl_try(listen(listener, 1));
	wl_try(getsockname(listener, (struct sockaddr *)&addr, &len));
	client = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	wl_try(connect(client, (struct sockaddr *)&addr, len));
	server = wl_try(accept(listener, NULL, NULL));
	wl_try(mmap(NULL, 4 * getpagesize(), PROT_READ, MAP_SHARED, server, 0));
	wl_ready_and_wait();
	wl_check_eq(wl_try(write(client, "a", 1)), 1);
	wl_pass();
}
