/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring that is mapped, of a socket whose descriptor was closed, is refused.
 *
 * wl: areas packet-netlink
 * wl: expect dump-refused is of no packet socket that a descriptor in the tree leads to
 */
#include "packet.h"

int main(void)
{
	struct tpacket_req req = { 4096, 1, 4096, 1 };
	int fd = wl_try(socket(AF_PACKET, SOCK_RAW, 0));

	wl_try(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	wl_try(close(fd));
	wl_ready_and_wait();
	wl_pass();
}
