/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that nothing completes: waited for, then refused by name. The ring goes on.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring
 *	wl: expect dump-refused has 1 requests under way
 */
#define _GNU_SOURCE
#include "ring.h"

#include <poll.h>

int main(void)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	int ends[2];

	ring_new(&ring, 8, 0);
	ring_drive(&ring, 3);
	wl_try(pipe(ends));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_poll_add(sqe, ends[0], POLLIN);
	sqe->user_data = 99;
	RING_TRY(io_uring_submit(&ring));
	wl_ready_and_wait();
	wl_check_eq(wl_try(write(ends[1], "x", 1)), 1);
	wl_check_eq(ring_take(&ring, 99), POLLIN);
	ring_drive(&ring, 20);
	wl_pass();
}
