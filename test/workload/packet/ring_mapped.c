/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of one page each for receiving and sending, mapped privately together: the mapping is at
 * its place, and of the socket. A child has them mapped too, and has closed the descriptor.
 *
 * wl: areas packet-netlink
 * wl: lane packet
 * wl: crossing from
 */
#include <stdio.h>

#include "packet.h"

static void *ring;
static int fd;

static bool is_of_socket(void)
{
	char *line = wl_vma_line(ring), wanted[64];
	struct stat st;

	wl_try(fstat(fd, &st));
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", (unsigned long)st.st_ino);
	return line && strstr(line, wanted) && strstr(line, "rw-p");
}

static void without_descriptor(void *arg)
{
	(void)arg;
	wl_try(close(fd));
}

static void is_mapped(void *arg)
{
	char *line = wl_vma_line(ring);

	(void)arg;
	wl_check(line && strstr(line, "socket:["));
}

int main(void)
{
	struct tpacket_req req = { 4096, 1, 4096, 1 };

	fd = wl_try(socket(AF_PACKET, SOCK_RAW, 0));
	wl_try(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)));
	wl_try(setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)));
	ring = wl_try(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	wl_actor_fork(without_descriptor, is_mapped, NULL);
	wl_ready_and_wait();
	wl_check(is_of_socket());
	packet_bind(fd, TEST_PROTOCOL);
	wl_actors_finish();
	wl_pass();
}
