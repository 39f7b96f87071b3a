/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two listeners that do not block share a port by SO_REUSEPORT, which the first has switched off
 * since; a connection of theirs is open. The flags are the same, the connection carries data, and
 * both listeners get new ones.
 *
 * wl: areas tcp
 * wl: flavours host user
 * wl: cycles 2
 * wl: both --tcp-established --network-lock nftables
 */
#include <fcntl.h>
#include <poll.h>

#include "tcp.h"

static int listener[2];

static int listening_at(struct in_addr_any a)
{
	int fd = wl_try(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	in_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	wl_try(bind(fd, &a.sa, a.len));
	wl_try(listen(fd, 10));
	return fd;
}

/* By which one is the kernel's choice. Returns it. */
static int accept_any(int *ret_fd)
{
	struct pollfd p[2] = { { listener[0], POLLIN, 0 }, { listener[1], POLLIN, 0 } };
	int which;

	wl_check_eq(poll(p, 2, 10000), 1);
	which = p[1].revents != 0;
	*ret_fd = wl_try(accept(listener[which], NULL, NULL));
	return which;
}

int main(void)
{
	int client, server, count[2] = { 0 };

	listener[0] = listening_at(in_loopback(AF_INET, 0));
	listener[1] = listening_at(in_name(listener[0]));
	in_set(listener[0], SOL_SOCKET, SO_REUSEPORT, 0);
	client = in_connected(listener[0]);
	accept_any(&server);
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check_eq(in_get(listener[i], SOL_SOCKET, SO_REUSEPORT), i);
		wl_check(fcntl(listener[i], F_GETFL) & O_NONBLOCK);
	}
	in_both_ways(client, server, 4096);
	for (int i = 0; i < 1000 && (!count[0] || !count[1]); i++) {
		int fd = in_connected(listener[0]), accepted;

		count[accept_any(&accepted)]++;
		in_both_ways(fd, accepted, 100);
		close(fd);
		close(accepted);
	}
	wl_check(count[0] && count[1]);
	wl_pass();
}
