/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that nothing completes, and that has done a part of its work: waited for, then
 * refused by name. The ring goes on.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring kernel:5.16
 *	wl: expect dump-refused has 1 requests under way
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/socket.h>

int main(void)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	static char much[1 << 20], back[1 << 16];
	int ends[2];

	ring_new(&ring, 8, 0);
	ring_drive(&ring, 3);
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send(sqe, ends[1], much, sizeof(much), MSG_WAITALL);
	sqe->user_data = 99;
	RING_TRY(io_uring_submit(&ring));
	wl_ready_and_wait();
	for (size_t got = 0; got < sizeof(much);)
		got += wl_try(recv(ends[0], back, sizeof(back), 0));
	wl_check_eq(ring_take(&ring, 99), sizeof(much));
	ring_drive(&ring, 20);
	wl_pass();
}
