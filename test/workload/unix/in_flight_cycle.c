/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two bound datagram sockets, each with itself and its peer on the way in its own queue: receiving
 * again and again yields sockets with the right names, in order.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing from CRIU ends by a signal
 */
#define _GNU_SOURCE
#include "rights.h"

int main(void)
{
	char *dir = get_current_dir_name();
	struct un_addr addr[2] = { un_path(wl_format("%s/a", dir)),
				   un_path(wl_format("%s/b", dir)) };
	int fds[2], got;

	for (int i = 0; i < 2; i++)
		fds[i] = un_bound(SOCK_DGRAM, addr[i]);
	for (int i = 0; i < 2; i++) {
		int from = un_connected(SOCK_DGRAM, addr[i]);

		un_send_fd(from, "itself", fds[i]);
		un_send_fd(from, "the other", fds[!i]);
		close(from);
	}
	close(fds[1]);
	wl_ready_and_wait();
	/* b is open nowhere: it comes out of a's queue. */
	got = un_receive_fd(fds[0], "itself");
	un_check_name(got, addr[0]);
	wl_check(wl_same_description(getpid(), got, getpid(), fds[0]));
	got = un_receive_fd(fds[0], "the other");
	un_check_name(got, addr[1]);
	fds[1] = got;
	got = un_receive_fd(fds[1], "itself");
	wl_check(wl_same_description(getpid(), got, getpid(), fds[1]));
	got = un_receive_fd(fds[1], "the other");
	wl_check(wl_same_description(getpid(), got, getpid(), fds[0]));
	un_expect_empty(fds[0]);
	un_expect_empty(fds[1]);
	wl_pass();
}
