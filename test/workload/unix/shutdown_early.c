/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client shut down reading before it connected, so that only its own end knows: what it sends
 * arrives, what is sent to it fails. Stream and seqpacket.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <signal.h>

#include "unix.h"

struct connection {
	int client, server;
};

static struct connection make(int type, const char *name)
{
	struct un_addr addr = un_path(wl_format("%s/%s", get_current_dir_name(), name));
	int listener = un_listening(type, addr, 1);
	struct connection c = { .client = wl_try(socket(AF_UNIX, type, 0)) };

	wl_try(shutdown(c.client, SHUT_RD));
	wl_try(connect(c.client, (struct sockaddr *)&addr.sun, addr.len));
	c.server = wl_try(accept(listener, NULL, NULL));
	close(listener);
	return c;
}

static void check(struct connection c)
{
	un_carry(c.client, c.server, 100, 1);
	wl_check_eq(send(c.server, "x", 1, 0), -1);
	wl_check_eq(errno, EPIPE);
}

int main(void)
{
	struct connection stream, packets;

	signal(SIGPIPE, SIG_IGN);
	stream = make(SOCK_STREAM, "stream");
	packets = make(SOCK_SEQPACKET, "packets");
	check(stream);
	check(packets);
	wl_ready_and_wait();
	check(stream);
	check(packets);
	wl_pass();
}
