/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the obsolete type SOCK_PACKET: one is bound to lo by its name, one is not bound;
 * getsockname() gives the device's name, and an empty one.
 *
 * wl: areas packet-netlink
 * wl: lane packet
 */
#include "packet.h"

int main(void)
{
	struct sockaddr own = { .sa_family = AF_PACKET, .sa_data = "lo" }, now;
	int fds[2];
	struct packet_state was[2];
	socklen_t len;

	for (int i = 0; i < 2; i++)
		fds[i] = wl_try(socket(AF_PACKET, SOCK_PACKET, htons(TEST_PROTOCOL)));
	wl_try(bind(fds[0], &own, sizeof(own)));
	for (int i = 0; i < 2; i++)
		packet_look(fds[i], &was[i]);
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		unsigned char buf[64];

		packet_compare(fds[i], &was[i]);
		len = sizeof(now);
		wl_try(getsockname(fds[i], &now, &len));
		wl_check_text("the device", now.sa_data, i ? "" : "lo");
		packet_send_number(wl_try(socket(AF_PACKET, SOCK_RAW, 0)), 5);
		wl_check_eq(recv(fds[i], buf, sizeof(buf), 0), PACKET_LEN);
		wl_check_eq(buf[14], 5);
	}
	wl_pass();
}
