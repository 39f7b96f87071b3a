/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of two datagram senders, bound to different names, abstract and by path, and closed
 * since: each is received with its sender's address. So is one of a sender that still lives.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU forgets the senders
 */
#define _GNU_SOURCE
#include "unix.h"

enum { SENDERS = 4 };

int main(void)
{
	char *name[SENDERS] = { wl_format("crtools sender %d a", getpid()),
				wl_format("crtools sender %d b", getpid()),
				wl_format("%s/sender", get_current_dir_name()),
				wl_format("crtools sender %d d", getpid()) };
	struct un_addr server_addr = un_path("server"), from[SENDERS];
	int server = un_bound(SOCK_DGRAM, server_addr), last = -1;

	for (int i = 0; i < SENDERS; i++) {
		from[i] = i == 2 ? un_path(name[i]) : un_abstract(name[i], strlen(name[i]));
		last = un_bound(SOCK_DGRAM, from[i]);
		wl_check_eq(sendto(last, name[i], strlen(name[i]), 0,
				   (struct sockaddr *)&server_addr.sun, server_addr.len),
			    strlen(name[i]));
		if (i < SENDERS - 1)
			wl_try(close(last));
	}
	wl_try(unlink(name[2]));
	wl_ready_and_wait();
	for (int i = 0; i < SENDERS; i++) {
		struct un_addr got = { .len = sizeof(got.sun) };
		char buf[256];

		wl_check_eq(recvfrom(server, buf, sizeof(buf), MSG_DONTWAIT,
				     (struct sockaddr *)&got.sun, &got.len),
			    strlen(name[i]));
		wl_check(!memcmp(buf, name[i], strlen(name[i])));
		wl_check_eq(got.len, from[i].len);
		wl_check(!memcmp(&got.sun, &from[i].sun, got.len));
	}
	un_check_name(last, from[SENDERS - 1]);
	wl_pass();
}
