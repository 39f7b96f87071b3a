/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read that waits, in a ring that a thread of the kernel's polls: refused by name, and the ring
 * goes on.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring kernel:6.14
 *	wl: expect dump-refused is no plain poll or timeout
 */
#define _GNU_SOURCE
#include "ring.h"

int main(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 20 };
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	char text[8] = "";
	int ends[2];

	wl_try(pipe(ends));
	RING_TRY(io_uring_queue_init_params(8, &ring, &p));
	ring_drive(&ring, 3);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, ends[0], text, sizeof(text), -1);
	sqe->user_data = 99;
	RING_TRY(io_uring_submit(&ring));
	wl_ready_and_wait();
	wl_check_eq(write(ends[1], "here", 4), 4);
	wl_check_eq(ring_take(&ring, 99), 4);
	wl_check(!strcmp(text, "here"));
	ring_drive(&ring, 20);
	wl_pass();
}
