/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of connected sockets, by path and abstract: the accepted end has the listener's, also
 * where the listener is gone and where another has its name now; a client that was bound has its
 * own, and the other end sees it.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing from
 */
#define _GNU_SOURCE
#include "unix.h"

struct connection {
	int client, accepted;
	struct un_addr addr;
};

static struct connection connect_to(int listener, struct un_addr addr)
{
	struct connection c = { .addr = addr };

	c.client = un_connected(SOCK_STREAM, addr);
	c.accepted = wl_try(accept(listener, NULL, NULL));
	return c;
}

static void check(const struct connection *c)
{
	un_check_name(c->accepted, c->addr);
	un_check_peer(c->client, c->addr);
	un_both_ways(c->client, c->accepted);
}

int main(void)
{
	char *path = wl_format("%s/sock", get_current_dir_name());
	char *hidden = wl_format("crtools names %d", getpid());
	struct un_addr addr[2] = { un_path(path), un_abstract(hidden, strlen(hidden)) };
	struct un_addr own = un_path("client"), want[2] = { addr[0], addr[1] };
	struct connection old[2], young[2], bound;
	int listener[2];

	for (int i = 0; i < 2; i++) {
		listener[i] = un_listening(SOCK_STREAM, addr[i], 5);
		old[i] = connect_to(listener[i], addr[i]);
		wl_try(close(listener[i]));
		if (i == 0)
			wl_try(unlink(path));
		listener[i] = un_listening(SOCK_STREAM, addr[i], 5);
		young[i] = connect_to(listener[i], addr[i]);
	}
	bound.addr = addr[0];
	bound.client = un_bound(SOCK_STREAM, own);
	wl_try(connect(bound.client, (struct sockaddr *)&addr[0].sun, addr[0].len));
	bound.accepted = wl_try(accept(listener[0], NULL, NULL));
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		check(&old[i]);
		check(&young[i]);
		un_check_name(listener[i], want[i]);
	}
	check(&bound);
	un_check_name(bound.client, own);
	un_check_peer(bound.accepted, own);
	wl_pass();
}
