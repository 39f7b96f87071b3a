/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket that holds back a part of a datagram: nobody can read that.
 *
 * wl: areas inet-sockets
 * wl: expect dump-refused holds back a part of a datagram
 */
#include "inet.h"

int main(void)
{
	int server = in_bound(AF_INET, SOCK_DGRAM, 0), client = in_connected(server);

	in_set(client, IPPROTO_UDP, 1, 1); /* UDP_CORK */
	wl_check_eq(write(client, "part", 4), 4);
	wl_ready_and_wait();
	wl_check_eq(write(client, "rest", 4), 4);
	in_set(client, IPPROTO_UDP, 1, 0);
	wl_check_eq(recv(server, (char[16]){ 0 }, 16, 0), 8);
	wl_pass();
}
