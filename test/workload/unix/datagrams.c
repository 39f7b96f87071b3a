/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram sockets by path: one that is sent to with an address each time, one with two connected
 * clients, one that is connected to itself; each has messages waiting, and delivers afterwards.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include "unix.h"

static void send_to(int fd, const char *text, struct un_addr a)
{
	wl_check_eq(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a.sun, a.len),
		    strlen(text));
}

int main(void)
{
	char *dir = get_current_dir_name();
	struct un_addr a = un_path(wl_format("%s/a", dir)), b = un_path(wl_format("%s/b", dir)),
		       c = un_path(wl_format("%s/c", dir));
	int plain = un_bound(SOCK_DGRAM, a), sender = wl_try(socket(AF_UNIX, SOCK_DGRAM, 0));
	int server = un_bound(SOCK_DGRAM, b), client[2];
	int self = un_bound(SOCK_DGRAM, c);

	send_to(sender, "by address", a);
	for (int i = 0; i < 2; i++) {
		client[i] = un_connected(SOCK_DGRAM, b);
		wl_check_eq(write(client[i], i ? "from 1" : "from 0", 6), 6);
	}
	wl_try(connect(self, (struct sockaddr *)&c.sun, c.len));
	wl_check_eq(write(self, "to myself", 9), 9);
	wl_ready_and_wait();
	un_expect(plain, "by address");
	un_expect_empty(plain);
	send_to(sender, "again", a);
	un_expect(plain, "again");
	un_expect(server, "from 0");
	un_expect(server, "from 1");
	un_expect_empty(server);
	for (int i = 1; i >= 0; i--) {
		un_check_peer(client[i], b);
		un_carry(client[i], server, 100, i);
	}
	un_expect(self, "to myself");
	un_carry(self, self, 10, 1);
	un_check_name(self, c);
	un_check_peer(self, c);
	wl_pass();
}
