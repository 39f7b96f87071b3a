/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that waits for the answer to its first packet (SYN_SENT), as the backlog of the listener
 * outside of the tree is full: it waits after the restore, and is connected when there is room.
 *
 * wl: areas tcp
 * wl: both --tcp-established --network-lock nftables
 */
#include "outside.h"

#include <poll.h>

int main(void)
{
	struct in_addr_any a = in_loopback(AF_INET, outside_start());
	int fd = wl_try(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	wl_check_eq(connect(fd, &a.sa, a.len), -1);
	wl_check_eq(errno, EINPROGRESS);
	wl_ready_and_wait();
	wl_check_eq(tcp_state(fd), TCP_SYN_SENT);
	wl_write_file("go", "");
	wl_check_eq(poll(&p, 1, 30000), 1);
	wl_check_eq(in_get(fd, SOL_SOCKET, SO_ERROR), 0);
	wl_check(fcntl(fd, F_GETFL) & O_NONBLOCK);
	wl_try(fcntl(fd, F_SETFL, 0));
	in_check_same(in_peer(fd), a);
	in_send(fd, 100, 3);
	in_receive(fd, 100, 3);
	wl_pass();
}
