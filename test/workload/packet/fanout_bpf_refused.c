/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fanout group whose packets a BPF program gives out, which nobody can read, is refused.
 *
 * wl: areas packet-netlink
 * wl: lane packet
 * wl: expect dump-refused that a BPF program divides
 */
#include "packet.h"

int main(void)
{
	int fd = wl_try(socket(AF_PACKET, SOCK_RAW, 0));

	packet_bind(fd, TEST_PROTOCOL);
	packet_set(fd, PACKET_FANOUT, 4015 | PACKET_FANOUT_CBPF << 16);
	wl_ready_and_wait();
	wl_pass();
}
